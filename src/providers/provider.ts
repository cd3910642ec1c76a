import type { IncomingHttpHeaders } from 'node:http'
import type { Delivery, WebhookEffect } from '../domain/webhook.js'

/** Whether a delivery is authentic, and the session that its signature binds it to. */
export type Verification = { ok: true; sessionId?: string } | { ok: false; reason: string }

/** A body that was taken in as it came: authentic, and reduced to what may be stored. */
export type TakenBody = { ok: true; sessionId?: string; rawBody: Buffer } | { ok: false; reason: string }

/** For bodies too large to be held. */
export interface BodyIntake {
  limitBytes: number
  /**
   * Verifies the body while it comes, and puts away what must not be stored.
   * @throws InvalidRequestError 422 for what cannot be put away; ParleyError 413 when what is left is too large
   */
  take(body: AsyncIterable<Buffer>, headers: IncomingHttpHeaders, url: URL): Promise<TakenBody>
}

/** What a receipt gives to the effects: the delivery as it was stored. */
export interface StoredDelivery {
  kind: string
  externalId: string
  deliveryKey: string
  payload: Buffer
  headers: Readonly<Record<string, string>>
  /** When its first delivery came: for events that have no time of their own. */
  receivedAt?: Date | undefined
}

/** An address as its users are told of it. */
export interface RouteDocumentation {
  /** What comes here. */
  summary: string
  /** Of the body; JSON when absent. */
  contentTypes?: readonly string[]
  /** What proves a delivery, by header; every one is needed. */
  signature?: Readonly<Record<string, string>>
  /** What may prove it in their place, or only comes beside it. */
  otherHeaders?: Readonly<Record<string, string>>
  /** In the address, by parameter. */
  query?: Readonly<Record<string, string>>
}

/** One address of a provider. */
export interface WebhookRoute {
  /** In camel case, unique among all providers: names the operation in the OpenAPI document. */
  name: string
  /** Without a trailing slash; both forms are served. The first is the documented one, the others are aliases. */
  paths: readonly [string, ...string[]]
  documentation: RouteDocumentation
  /** How a good answer looks, where the provider expects its own; the status is in X-Webhook-Status then. */
  answer?: ProviderAnswer
}

/** An answer in the provider's own form: TwiML, or nothing. */
export type ProviderAnswer =
  { status: 204; description: string } | { status: 200; description: string; contentType: string; body: string }

/** `/webhooks/x` and the singular form that installations already point at. */
export const bothForms = (path: `/webhooks/${string}`): [string, string] => [
  path,
  path.replace('/webhooks/', '/webhook/'),
]

/** A conversation whose events were asked for. */
export interface AskedConversation {
  sessionId: string
  conversationId: string
}

/** What every provider of webhooks offers; one folder, one line in the registry. */
export interface WebhookProvider {
  readonly name: string
  readonly routes: readonly WebhookRoute[]
  /** False while its secret is missing: its routes answer 503. */
  readonly configured: boolean
  /**
   * On the raw bytes and in constant time, before anything is parsed. `target` is the request's target as it came, for
   * signatures that cover it: `url` may spell it otherwise.
   */
  verify(rawBody: Buffer, headers: IncomingHttpHeaders, url: URL, target?: string): Verification | Promise<Verification>
  /**
   * @throws InvalidRequestError 400 for what cannot be read, 422 naming the field that is wrong
   */
  parse(rawBody: Buffer, headers: IncomingHttpHeaders, url: URL, verified: { sessionId?: string }): Delivery
  /** Pure and total over what `parse` stored. */
  effects(stored: StoredDelivery): WebhookEffect
  /** In the place of `verify` on the whole body. */
  readonly intake?: BodyIntake
  /** An event that the provider was asked for, as the delivery that its webhook is or would have been. */
  asDelivery?(event: unknown, conversation: AskedConversation): Delivery
}
