import type { IncomingHttpHeaders } from 'node:http'
import { ParleyError, ProviderError, UnauthorizedError, UnavailableError } from '../domain/errors.js'
import type { Usage } from '../domain/usage.js'
import type { Delivery, ReceiptStatus } from '../domain/webhook.js'
import type { WebhookEvents } from '../observability/webhook-events.js'
import type { EngineGate } from './engine-gate.js'

type Verification = { ok: true; sessionId?: string } | { ok: false; reason: string }

/** One address of a provider, and how it is answered. */
export interface ReceivingRoute {
  name: string
  paths: readonly [string, ...string[]]
  documentation: {
    summary: string
    contentTypes?: readonly string[]
    signature?: Readonly<Record<string, string>>
    otherHeaders?: Readonly<Record<string, string>>
    query?: Readonly<Record<string, string>>
  }
  answer?:
    { status: 204; description: string } | { status: 200; description: string; contentType: string; body: string }
}

type TakenBody = { ok: true; sessionId?: string; rawBody: Buffer } | { ok: false; reason: string }

/** What of a provider the receiving side needs. */
export interface ReceivingProvider {
  readonly name: string
  readonly routes: readonly ReceivingRoute[]
  readonly configured: boolean
  /** Of a provider whose bodies are too large to be held. */
  readonly intake?: {
    limitBytes: number
    take(body: AsyncIterable<Buffer>, headers: IncomingHttpHeaders, url: URL): Promise<TakenBody>
  }
  verify(rawBody: Buffer, headers: IncomingHttpHeaders, url: URL, target?: string): Verification | Promise<Verification>
  parse(rawBody: Buffer, headers: IncomingHttpHeaders, url: URL, verified: { sessionId?: string }): Delivery
}

export interface WebhookReceiverDeps {
  /** Makes the receipt durable, processed too where nobody is to have it, and says whether this delivery is the event's first. */
  record: (
    delivery: Delivery,
    drain: boolean,
  ) => Promise<{
    id: string
    status: ReceiptStatus
    tenantId: string | undefined
    first: boolean
    usage?: Usage | undefined
  }>
  /** Leaves a receipt to the drain after all. */
  release: (receiptId: string) => Promise<void>
  /** Keeps a delivery on the disk while the database is away. */
  spool: (delivery: Delivery, receivedAt: string) => Promise<void>
  /** @returns false when the event's id is taken by another run */
  startWorkflow: (deliveryKey: string, receiptId: string, deadline: number) => Promise<boolean>
  /** Processes the receipt here and now, if that goes well at once. */
  attempt: (receiptId: string, delivery: Delivery) => Promise<void>
  waitSettled: (receiptId: string, timeoutMs: number) => Promise<ReceiptStatus | undefined>
  wakeDrain: () => void
  gate: EngineGate
  events: WebhookEvents
  ackMs: number
}

export interface WebhookRequest {
  rawBody: Buffer
  /** In the place of `rawBody`, for a provider with an intake. */
  stream?: AsyncIterable<Buffer>
  headers: IncomingHttpHeaders
  url: URL
  /** The request's target as it came, which `url` may spell otherwise. */
  target?: string
  /** Of the request's arrival, by Date.now(). */
  arrivedAt: number
}

type Said = 'processed' | 'accepted' | 'duplicate_ignored'

export interface WebhookAnswer {
  status: 200 | 202
  body: { status: Said; provider: string; event_id: string }
}

/** A workflow keeps its place among those in flight for this long at most, should nobody say what became of it. */
const placeMs = 10_000
/** Part of the answer's time that the database may take; the rest is for the disk in its stead. */
const databaseShare = 0.7

/** Receives webhooks: authentic, durable, then answered, and processed by then if it can be. */
export function createWebhookReceiver(deps: WebhookReceiverDeps) {
  const { gate, events, wakeDrain } = deps

  async function read(provider: ReceivingProvider, request: WebhookRequest): Promise<Delivery> {
    if (!provider.configured)
      throw new ProviderError(
        'provider_not_configured',
        `no secret of ${provider.name} is configured`,
        provider.name,
        undefined,
      )
    const verified = await verifiedBody(provider, request)
    if (!verified.ok) {
      events.refused({ provider: provider.name, reason: verified.reason })
      throw new UnauthorizedError('the webhook is not authentic', 'webhook_not_authentic')
    }
    return provider.parse(verified.rawBody, request.headers, request.url, verified)
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

  /** @returns whether the event has a workflow; without one the drain has it */
  async function begin(delivery: Delivery, receiptId: string, deadline: number): Promise<boolean> {
    const started = await deps.startWorkflow(delivery.deliveryKey, receiptId, deadline).catch((cause: unknown) => {
      gate.close()
      events.engineAway({ cause })
      return false
    })
    if (!started) void leave(receiptId)
    return started
  }

  /**
   * Starts the event's workflow and takes its first try in the meantime: the engine would be a task later. The receipt's
   * lock makes one of the two the first; what fails here, what waits, and what follows is the workflow's. Its place among
   * those in flight is held until both are done.
   */
  async function processOwn(
    delivery: Delivery,
    receiptId: string,
    deadline: number,
  ): Promise<ReceiptStatus | undefined> {
    const settled = deps.waitSettled(receiptId, placeMs)
    const began = Date.now()
    void deps.attempt(receiptId, delivery)
    const started = begin(delivery, receiptId, deadline)
    // Whichever takes longer: the engine to take the start, or the event to be settled.
    void Promise.allSettled([started, settled]).then(() => gate.leave(Date.now() - began))
    const notStarted = started.then((taken) => (taken ? settled : undefined))
    return await within(Promise.race([settled, notStarted]), deadline).catch(() => undefined)
  }

  /** What became of a delivery that is authentic and readable; durable by the time this returns. */
  async function take(delivery: Delivery, arrivedAt: number): Promise<Said> {
    const own = gate.enter()
    let receipt
    try {
      receipt = await keep(delivery, own, arrivedAt)
    } finally {
      if (own && !receipt?.first) gate.leave()
    }
    if (!receipt) return 'accepted'
    if (!receipt.first) {
      events.duplicate({ provider: delivery.provider, tenantId: receipt.tenantId, receiptId: receipt.id })
      return 'duplicate_ignored'
    }
    if (own) {
      const status = await processOwn(delivery, receipt.id, arrivedAt + deps.ackMs)
      // The drain sleeps until it is told that something waits.
      if (status === 'waiting') wakeDrain()
      return saidOf(status)
    }
    const { id: receiptId, status, tenantId, usage } = receipt
    if (status === 'processed')
      events.settled({ provider: delivery.provider, kind: delivery.kind, receiptId, status, tenantId, usage })
    else wakeDrain()
    return saidOf(status)
  }

  return {
    async receive(provider: ReceivingProvider, request: WebhookRequest): Promise<WebhookAnswer> {
      let { arrivedAt } = request
      try {
        const delivery = await read(provider, request)
        // What takes seconds to come has arrived when it is whole.
        if (request.stream) arrivedAt = Date.now()
        const status = await take(delivery, arrivedAt)
        const body = { status, provider: provider.name, event_id: delivery.eventId }
        return { status: status === 'accepted' ? 202 : 200, body }
      } finally {
        events.answered({ provider: provider.name, durationMs: Date.now() - arrivedAt })
      }
    },
  }
}

export type WebhookReceiver = ReturnType<typeof createWebhookReceiver>

async function verifiedBody(
  provider: ReceivingProvider,
  { rawBody, stream, headers, url, target }: WebhookRequest,
): Promise<TakenBody> {
  if (stream && provider.intake) return await provider.intake.take(stream, headers, url)
  const verified = await provider.verify(rawBody, headers, url, target)
  return verified.ok ? { ...verified, rawBody } : verified
}

function saidOf(status: ReceiptStatus | undefined): Said {
  if (status !== 'failed') return status === 'processed' ? 'processed' : 'accepted'
  const detail = 'the event could not be processed; sending it again tries it again'
  throw new ParleyError('webhook_failed', 500, 'Internal Server Error', detail)
}

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
