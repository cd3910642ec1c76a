import type { IncomingHttpHeaders } from 'node:http'
import type { Delivery, WebhookEffect } from '../domain/webhook.js'

/** Whether a delivery is authentic, and the session that its signature binds it to. */
export type Verification = { ok: true; sessionId?: string } | { ok: false; reason: string }

/** What a receipt gives to the effects: the delivery as it was stored. */
export interface StoredDelivery {
  kind: string
  externalId: string
  payload: Buffer
}

/** A conversation whose events were asked for. */
export interface AskedConversation {
  sessionId: string
  conversationId: string
}

/** What every provider of webhooks offers; one folder, one line in the registry. */
export interface WebhookProvider {
  readonly name: string
  /** Routes without a trailing slash; both forms are served. */
  readonly paths: readonly string[]
  /** False while its secret is missing: its routes answer 503. */
  readonly configured: boolean
  /** On the raw bytes and in constant time, before anything is parsed. */
  verify(rawBody: Buffer, headers: IncomingHttpHeaders, url: URL): Verification
  /**
   * @throws InvalidRequestError 400 for what cannot be read, 422 naming the field that is wrong
   */
  parse(rawBody: Buffer, headers: IncomingHttpHeaders, url: URL, verified: { sessionId?: string }): Delivery
  /** Pure and total over what `parse` stored. */
  effects(stored: StoredDelivery): WebhookEffect
  /** An event that the provider was asked for, as the delivery that its webhook is or would have been. */
  asDelivery?(event: unknown, conversation: AskedConversation): Delivery
}
