import type { Actor } from '../domain/identity.js'
import type { Envelope, Message } from './message.js'

/** The far end of a connection. Nothing of it throws. */
export interface Sink {
  send: (message: Message) => void
  /** What is not in the log. */
  tell: (envelope: Envelope) => void
  /** Bytes that the network has not taken yet. */
  bufferedBytes: () => number
}

export interface OutletDeps {
  actor: Actor
  sink: Sink
  maxBufferedBytes: number
  channels: () => string[]
  onSent: () => void
  onDropped: () => void
}

/** How often a full buffer is looked at, in milliseconds. */
const lookMs = 25

/**
 * Sends what the network takes. A reader that is too slow is not sent what comes meanwhile: it is told so once there is
 * room again, and where to replay from.
 */
export function createOutlet({ actor, sink, maxBufferedBytes, channels, onSent, onDropped }: OutletDeps) {
  let lastDelivered = -1n
  let lostUpTo = -1n
  let gap: { dropped: number; since: bigint } | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const isEmptyEnough = () => closed || sink.bufferedBytes() <= maxBufferedBytes / 2

  function send(message: Message): void {
    sink.send(message)
    onSent()
  }

  function drop(message: Message): void {
    gap ??= { dropped: 0, since: message.id - 1n }
    gap.dropped++
    lostUpTo = message.id
    onDropped()
    timer ??= setInterval(tellOnceThereIsRoom, lookMs).unref()
  }

  function tellOnceThereIsRoom(): void {
    if (!gap || !isEmptyEnough()) return
    clearInterval(timer)
    timer = undefined
    const { dropped, since } = gap
    gap = undefined
    sink.tell(bufferDropped(actor, { dropped, since: String(since), channels: channels() }))
  }

  return {
    /** Sends what has just happened; an event that several channels have comes once. */
    deliver(message: Message): void {
      if (closed || message.id === lastDelivered) return
      lastDelivered = message.id
      if (gap || sink.bufferedBytes() > maxBufferedBytes) drop(message)
      else send(message)
    },
    /** Sends in any case: the caller has waited for room. */
    send,
    /** Resolves once there is room for more. */
    async room(): Promise<void> {
      while (!isEmptyEnough()) await new Promise((resolve) => setTimeout(resolve, lookMs))
    },
    /** Up to this id events may have been dropped. */
    lostUpTo: () => lostUpTo,
    close(): void {
      closed = true
      clearInterval(timer)
    },
  }
}

export type Outlet = ReturnType<typeof createOutlet>

const bufferDropped = (actor: Actor, data: { dropped: number; since: string; channels: string[] }): Envelope => ({
  version: '1',
  id: null,
  event: 'system.buffer_dropped',
  ts: new Date().toISOString(),
  severity: 'warning',
  trace_id: null,
  tenant_id: actor.tenantId,
  user_id: actor.userId,
  lead_id: null,
  data,
})
