import type { IncomingHttpHeaders } from 'node:http'
import { ParleyError, ProviderError, UnauthorizedError, UnavailableError } from '../domain/errors.js'
import type { Delivery, ReceiptStatus } from '../domain/webhook.js'
import type { WebhookEvents } from '../observability/webhook-events.js'
import type { EngineGate } from './engine-gate.js'

/** What of a provider the receiving side needs. */
export interface ReceivingProvider {
  readonly name: string
  readonly paths: readonly string[]
  readonly configured: boolean
  verify(rawBody: Buffer, headers: IncomingHttpHeaders, url: URL): { ok: true; sessionId?: string } | { ok: false; reason: string }
  parse(rawBody: Buffer, headers: IncomingHttpHeaders, url: URL, verified: { sessionId?: string }): Delivery
}

export interface WebhookReceiverDeps {
  /** Makes the receipt durable and says whether this delivery is the event's first. */
  record: (delivery: Delivery, drain: boolean) => Promise<{ id: string; tenantId: string | undefined; first: boolean }>
  /** Leaves a receipt to the drain after all. */
  release: (receiptId: string) => Promise<void>
  /** Keeps a delivery on the disk while the database is away. */
  spool: (delivery: Delivery, receivedAt: string) => Promise<void>
  /** @returns false when the event's id is taken by another run */
  startWorkflow: (deliveryKey: string, receiptId: string, deadline: number) => Promise<boolean>
  waitSettled: (receiptId: string, timeoutMs: number) => Promise<ReceiptStatus | undefined>
  wakeDrain: () => void
  gate: EngineGate
  events: WebhookEvents
  ackMs: number
}

export interface WebhookRequest {
  rawBody: Buffer
  headers: IncomingHttpHeaders
  url: URL
  /** Of the request's arrival, by Date.now(). */
  arrivedAt: number
}

export interface WebhookAnswer {
  status: 200 | 202
  body: { status: 'processed' | 'accepted' | 'duplicate_ignored'; provider: string; event_id: string }
}

/** A workflow keeps its place among those in flight for this long at most, should nobody say what became of it. */
const placeMs = 10_000
/** Part of the answer's time that the database may take; the rest is for the disk in its stead. */
const databaseShare = 0.7

/** Receives webhooks: authentic, durable, then answered, and processed by then if it can be. */
export function createWebhookReceiver(deps: WebhookReceiverDeps) {
  const { gate, events, wakeDrain } = deps

  function read(provider: ReceivingProvider, { rawBody, headers, url }: WebhookRequest): Delivery {
    if (!provider.configured)
      throw new ProviderError('provider_not_configured', `no secret of ${provider.name} is configured`, provider.name, undefined)
    const verified = provider.verify(rawBody, headers, url)
    if (!verified.ok) {
      events.refused({ provider: provider.name, reason: verified.reason })
      throw new UnauthorizedError('the webhook is not authentic', 'webhook_not_authentic')
    }
    return provider.parse(rawBody, headers, url, verified)
  }

  /** The receipt; undefined when the delivery went to the disk instead. */
  async function keep(delivery: Delivery, own: boolean, arrivedAt: number) {
    const recorded = deps.record(delivery, !own)
    try {
      return await within(recorded, arrivedAt + deps.ackMs * databaseShare)
    } catch (cause) {
      await spool(delivery, arrivedAt, cause)
      // The database may yet have taken it, and no workflow is started any more.
      void recorded.then(({ id, first }) => (first && own ? leave(id) : undefined)).catch(() => undefined)
      return undefined
    }
  }

  async function spool(delivery: Delivery, arrivedAt: number, cause: unknown): Promise<void> {
    events.spooled({ provider: delivery.provider, cause })
    try {
      await deps.spool(delivery, new Date(arrivedAt).toISOString())
    } catch (error) {
      const unavailable = new UnavailableError('the webhook could not be kept', 'webhook_not_kept')
      unavailable.cause = error
      throw unavailable
    }
  }

  async function leave(receiptId: string): Promise<void> {
    // Should this fail too, the drain finds the receipt by its age.
    await deps.release(receiptId).catch(() => undefined)
    wakeDrain()
  }

  /** Starts the event's workflow, and waits for its commit rather than for its end, which is a round trip later. */
  async function processOwn(delivery: Delivery, receiptId: string, deadline: number): Promise<ReceiptStatus | undefined> {
    const settled = deps.waitSettled(receiptId, placeMs)
    void settled.finally(gate.leave)
    const notStarted = new Promise<undefined>((resolve) => {
      deps.startWorkflow(delivery.deliveryKey, receiptId, deadline).then(
        (started) => {
          if (started) return
          void leave(receiptId)
          resolve(undefined)
        },
        (cause: unknown) => {
          gate.close()
          events.engineAway({ cause })
          void leave(receiptId)
          resolve(undefined)
        },
      )
    })
    return await within(Promise.race([settled, notStarted]), deadline).catch(() => undefined)
  }

  async function take(delivery: Delivery, arrivedAt: number): Promise<WebhookAnswer> {
    const answer = (status: WebhookAnswer['status'], said: WebhookAnswer['body']['status']): WebhookAnswer => ({
      status,
      body: { status: said, provider: delivery.provider, event_id: delivery.eventId },
    })
    const own = gate.enter()
    const receipt = await keep(delivery, own, arrivedAt).catch((error: unknown) => {
      if (own) gate.leave()
      throw error
    })
    if (own && !receipt?.first) gate.leave()
    if (!receipt) return answer(202, 'accepted')
    if (!receipt.first) {
      events.duplicate({ provider: delivery.provider, tenantId: receipt.tenantId, receiptId: receipt.id })
      return answer(200, 'duplicate_ignored')
    }
    if (!own) {
      wakeDrain()
      return answer(202, 'accepted')
    }
    const status = await processOwn(delivery, receipt.id, arrivedAt + deps.ackMs)
    if (status === 'failed') throw failedForGood()
    return status === 'processed' ? answer(200, 'processed') : answer(202, 'accepted')
  }

  return {
    async receive(provider: ReceivingProvider, request: WebhookRequest): Promise<WebhookAnswer> {
      try {
        return await take(read(provider, request), request.arrivedAt)
      } finally {
        events.answered({ provider: provider.name, durationMs: Date.now() - request.arrivedAt })
      }
    },
  }
}

export type WebhookReceiver = ReturnType<typeof createWebhookReceiver>

const failedForGood = () =>
  new ParleyError('webhook_failed', 500, 'Internal Server Error', 'the event could not be processed; sending it again tries it again')

/** @throws when the deadline passes first */
async function within<T>(work: Promise<T>, deadline: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('not in time')), Math.max(0, deadline - Date.now()))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
