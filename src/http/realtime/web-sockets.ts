import type { IncomingMessage } from 'node:http'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import type { Actor } from '../../domain/identity.js'
import { errorAnswer, follow } from '../../realtime/control.js'
import { closeCodes, RealtimeError } from '../../realtime/errors.js'
import type { Realtime } from '../../realtime/realtime.js'
import type { StandingWatch } from './standing-watch.js'
import type { PendingUpgrade } from './upgrade.js'

export const subprotocol = 'parley.v1'
/** A control message is a line; a longer frame closes the connection with 1009. */
const maxPayloadBytes = 16 * 1024
const minuteMs = 60_000
/** Whoever does not answer a close frame is cut off after this time, in milliseconds. */
const farewellMs = 2_000

export interface WebSocketCaller {
  actor: Actor
  /** When the token ends, in milliseconds since the epoch. */
  expiresAt: number | undefined
  /** Headers of the answer that switches protocols. */
  headers: Record<string, string>
}

interface Connection {
  socket: WebSocket
  expiresAt: number
  pingedAt: number
  pongedAt: number
  /** When the last control messages came, the oldest first. */
  messages: number[]
  leave: () => void
}

/** The WebSockets of this process. */
export function createWebSockets({
  realtime,
  watch,
  now = Date.now,
}: {
  realtime: Realtime
  watch: StandingWatch
  now?: (() => number) | undefined
}) {
  const { limits, metrics } = realtime
  const connections = new Set<Connection>()
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxPayloadBytes,
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
  })
  const extra = new WeakMap<IncomingMessage, Record<string, string>>()
  server.on('headers', (lines, request) => {
    for (const [name, value] of Object.entries(extra.get(request) ?? {})) lines.push(`${name}: ${value}`)
  })
  let timer: NodeJS.Timeout | undefined
  let isClosing = false

  function welcome(socket: WebSocket, { actor, expiresAt = Number.POSITIVE_INFINITY }: WebSocketCaller): void {
    const subscriber = realtime.connect(actor, sinkOf(socket))
    const at = now()
    const leave = () => {
      if (!connections.delete(connection)) return
      subscriber.close()
      unwatch()
      metrics.connections(-1, 'websocket')
      if (connections.size === 0) timer = void clearInterval(timer)
    }
    const connection: Connection = { socket, expiresAt, pingedAt: at, pongedAt: at, messages: [], leave }
    connections.add(connection)
    const unwatch = watch(actor, () => dismiss(connection, closeCodes.tokenExpired, 'the token counts no more'))
    metrics.connections(1, 'websocket')
    timer ??= setInterval(lookThrough, limits.tickMs).unref()
    // A frame that is too long or broken closes by itself; without a listener it would end the process.
    socket.on('error', () => undefined)
    socket.on('close', leave)
    socket.on('pong', () => (connection.pongedAt = now()))
    let turn = Promise.resolve()
    socket.on('message', (data, isBinary) => {
      if (!connections.has(connection)) return
      metrics.received()
      if (isTooMany(connection)) return refuseMore(connection)
      turn = turn.then(() => answer(connection, subscriber, isBinary ? undefined : textOf(data)))
    })
  }

  async function answer(
    { socket }: Connection,
    subscriber: ReturnType<Realtime['connect']>,
    text: string | undefined,
  ): Promise<void> {
    const said =
      text === undefined
        ? errorAnswer(new RealtimeError('binary_not_supported'))
        : await follow(subscriber, text, realtime.onUnexpected)
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(said))
  }

  function isTooMany({ messages }: Connection): boolean {
    const at = now()
    while (messages[0] !== undefined && messages[0] <= at - minuteMs) messages.shift()
    if (messages.length >= limits.messagesPerMinute) return true
    messages.push(at)
    return false
  }

  function refuseMore(connection: Connection): void {
    const error = new RealtimeError('rate_limited', `more than ${limits.messagesPerMinute} messages in a minute`)
    connection.socket.send(JSON.stringify(errorAnswer(error)))
    dismiss(connection, closeCodes.rateLimited, error.message)
  }

  /** Nothing more is read of it, and nothing more is sent. */
  function dismiss(connection: Connection, code: number, reason: string): void {
    const { socket } = connection
    connection.leave()
    socket.close(code, reason)
    setTimeout(() => socket.terminate(), farewellMs).unref()
  }

  function lookThrough(): void {
    const at = now()
    for (const connection of connections) {
      if (at >= connection.expiresAt) dismiss(connection, closeCodes.tokenExpired, 'the token has expired')
      else if (at - connection.pongedAt >= limits.pongWithinMs) dismiss(connection, closeCodes.noPong, 'no pong came')
      else if (at - connection.pingedAt >= limits.pingEveryMs) {
        connection.pingedAt = at
        connection.socket.ping()
      }
    }
  }

  return {
    /** Whoever comes now would hold up the end. */
    isClosing: () => isClosing,
    /** Takes over a connection whose request the application has let pass. */
    accept(request: IncomingMessage, { socket, head }: PendingUpgrade, caller: WebSocketCaller): void {
      extra.set(request, caller.headers)
      server.handleUpgrade(request, socket, head, (opened) => welcome(opened, caller))
    },
    /** Says farewell to everybody; resolves when all are gone. */
    async close(): Promise<void> {
      isClosing = true
      const gone = [...connections].map(
        ({ socket }) =>
          new Promise<void>((resolve) =>
            socket.readyState === WebSocket.CLOSED ? resolve() : socket.once('close', () => resolve()),
          ),
      )
      for (const connection of connections) dismiss(connection, closeCodes.shutdown, 'the server is going away')
      await Promise.all(gone)
    },
  }
}

export type WebSockets = ReturnType<typeof createWebSockets>

function sinkOf(socket: WebSocket) {
  const send = (data: Buffer | string) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(data, { binary: false })
  }
  return {
    send: ({ json }: { json: Buffer }) => send(json),
    tell: (envelope: object) => send(JSON.stringify(envelope)),
    bufferedBytes: () => socket.bufferedAmount,
  }
}

const textOf = (data: RawData): string =>
  (Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data)).toString()
