import { type IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** A connection that asks to speak another protocol, as the server hands it over. */
export interface PendingUpgrade {
  socket: Duplex
  /** What came after the request. */
  head: Buffer
}

const pending = new WeakMap<IncomingMessage, PendingUpgrade>()

/** Where a browser puts its token: it cannot set headers of a WebSocket. */
const bearerProtocol = /(?:^|,)\s*bearer\.([\w.~+=-]+)\s*(?:,|$)/i

/**
 * Lets requests for a WebSocket pass the application like any other: whoever is refused gets a real HTTP answer. The
 * route that accepts one takes the connection over.
 */
export function passUpgrades(server: Server, handle: RequestListener): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!asksForWebSocket(request)) return replay(server, request, socket, head)
    socket.on('error', () => socket.destroy())
    // Of an answer that nobody takes; the server no longer looks after this connection.
    socket.on('timeout', () => socket.destroy())
    pending.set(request, { socket, head })
    liftToken(request)
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    // The types want the net.Socket that it is on every server of ours.
    response.assignSocket(socket as Parameters<typeof response.assignSocket>[0])
    response.once('finish', () => socket.end())
    handle(request, response)
  })
}

/** Whether the request asks for a WebSocket. */
export const isUpgrade = (request: IncomingMessage): boolean => pending.has(request)

/** The connection of a request that may be taken over, once. */
export function takeUpgrade(request: IncomingMessage, response: ServerResponse): PendingUpgrade | undefined {
  const found = pending.get(request)
  if (!found) return undefined
  pending.delete(request)
  response.detachSocket(found.socket as Parameters<typeof response.detachSocket>[0])
  return found
}

const asksForWebSocket = ({ method, headers }: IncomingMessage) =>
  method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'

/** From here on it is a token like any other. */
function liftToken({ url, headers }: IncomingMessage): void {
  const isRealtime = /^\/ws\/?(?:\?|$)/.test(url ?? '')
  const [, token] = bearerProtocol.exec(headers['sec-websocket-protocol'] ?? '') ?? []
  if (isRealtime && token !== undefined) headers.authorization ??= `Bearer ${token}`
}

/**
 * A request for another protocol, such as h2c, which clients offer with every first request: it is read again without
 * the offer, and answered as what else it is.
 */
function replay(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`]
  for (let n = 0; n < request.rawHeaders.length; n += 2) {
    const name = request.rawHeaders[n] ?? ''
    if (!/^(upgrade|connection|http2-settings)$/i.test(name)) lines.push(`${name}: ${request.rawHeaders[n + 1]}`)
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}
