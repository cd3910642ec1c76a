import { PassThrough, type Readable } from 'node:stream'
import type { Channel } from '../../domain/channel.js'
import type { Actor } from '../../domain/identity.js'
import { asRealtimeError, errorAnswer } from '../../realtime/control.js'
import { closeCodes } from '../../realtime/errors.js'
import type { Message } from '../../realtime/message.js'
import type { Realtime } from '../../realtime/realtime.js'
import type { StandingWatch } from './standing-watch.js'

export interface StreamRequest {
  actor: Actor
  channel: Channel
  since: bigint | undefined
  /** When the token ends, in milliseconds since the epoch. */
  expiresAt: number | undefined
  /** Aborts when the reader is gone. */
  signal: AbortSignal
  /** Bytes of the answer that wait behind the stream, and bytes that the network has taken. */
  network: { waitingBytes: () => number; takenBytes: () => number }
}

interface Open {
  stream: PassThrough
  expiresAt: number
  saidAt: number
  /** What the network had taken then. */
  takenBytes: number
  network: StreamRequest['network']
  leave: () => void
}

/** A browser that lost the stream asks again after this time, in milliseconds. */
const retryMs = 2_000

/** Server-sent events of this process: a channel each. */
export function createEventStreams({
  realtime,
  watch,
  now = Date.now,
}: {
  realtime: Realtime
  watch: StandingWatch
  now?: (() => number) | undefined
}) {
  const { limits, metrics } = realtime
  const streams = new Set<Open>()
  let timer: NodeJS.Timeout | undefined

  function lookThrough(): void {
    const at = now()
    for (const open of streams) {
      if (at >= open.expiresAt) {
        dismiss(open)
      } else if (at - open.saidAt >= limits.pingEveryMs) {
        if (isStuck(open)) open.stream.destroy()
        else open.stream.write(': ping\n\n')
        open.saidAt = at
        open.takenBytes = open.network.takenBytes()
      }
    }
  }

  function dismiss(open: Open): void {
    open.stream.write(block({ event: 'close', data: { code: closeCodes.tokenExpired } }))
    end(open)
  }

  function end(open: Open): void {
    open.leave()
    open.stream.end()
  }

  return {
    /**
     * Replays and goes on until one of both sides ends it.
     * @throws RealtimeError, when nothing of the answer is sent yet
     */
    async open({ actor, channel, since, expiresAt, signal, network }: StreamRequest): Promise<Readable> {
      const stream = new PassThrough()
      const subscriber = realtime.connect(actor, sinkOf(stream, network))
      const leave = () => {
        if (!streams.delete(opened)) return
        subscriber.close()
        unwatch()
        metrics.connections(-1, 'sse')
        if (streams.size === 0) timer = void clearInterval(timer)
      }
      const opened: Open = {
        stream,
        expiresAt: expiresAt ?? Number.POSITIVE_INFINITY,
        saidAt: now(),
        takenBytes: -1,
        network,
        leave,
      }
      streams.add(opened)
      const unwatch = watch(actor, () => dismiss(opened))
      metrics.connections(1, 'sse')
      timer ??= setInterval(lookThrough, limits.tickMs).unref()
      stream.once('close', leave)
      signal.addEventListener('abort', () => stream.destroy())
      try {
        await subscriber.check(channel, since)
      } catch (error) {
        leave()
        throw asRealtimeError(error, realtime.onUnexpected)
      }
      stream.write(`retry: ${retryMs}\n\n`)
      void subscriber.subscribe(channel, since).then(
        (lastId) => stream.write(subscribed(channel, lastId)),
        (error: unknown) => {
          const answer = errorAnswer(asRealtimeError(error, realtime.onUnexpected), channel.name)
          stream.write(block({ event: 'error', data: answer }))
          end(opened)
        },
      )
      return stream
    },
    /** Ends every stream; the route lets nobody open another. */
    close(): void {
      for (const open of streams) end(open)
    },
  }
}

export type EventStreams = ReturnType<typeof createEventStreams>

/** With the id, so that a reader who heard nothing yet comes back with it. */
const subscribed = ({ name }: Channel, lastId: bigint): string =>
  block({
    id: String(lastId),
    event: 'subscribed',
    data: { type: 'subscribed', channel: name, last_id: String(lastId) },
  })

/** Between two pings nothing was taken of what there was: whoever it was for is gone, or will have to come back. */
const isStuck = ({ stream, network, takenBytes }: Open): boolean =>
  stream.writableLength > 0 && network.takenBytes() === takenBytes

function sinkOf(stream: PassThrough, { waitingBytes }: StreamRequest['network']) {
  const write = (text: string) => {
    if (stream.writable) stream.write(text)
  }
  return {
    // Without a name of its own, so that the reader needs one listener for all.
    send: ({ id, json }: Message) => write(`id: ${id}\ndata: ${json.toString()}\n\n`),
    tell: (envelope: object) => write(block({ data: envelope })),
    bufferedBytes: () => stream.writableLength + stream.readableLength + waitingBytes(),
  }
}

const block = ({ id, event, data }: { id?: string; event?: string; data: object }): string =>
  [id === undefined ? [] : `id: ${id}`, event === undefined ? [] : `event: ${event}`, `data: ${JSON.stringify(data)}`]
    .flat()
    .join('\n') + '\n\n'
