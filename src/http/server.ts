import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type Koa from 'koa'
import { ParleyError } from '../domain/errors.js'
import type { HttpConfig } from './app-services.js'
import type { RequestState } from './context.js'
import { problemOf } from './problem.js'
import { passUpgrades } from './realtime/upgrade.js'

/** Longer than a load balancer keeps an idle connection, so that it is never we who close one that it is about to use. */
const keepAliveTimeoutMs = 65_000
const headersTimeoutMs = 20_000

export interface HttpServer {
  server: Server
  url: string
  /** Takes no new connection, finishes what began, and cuts what lasts longer than the grace. */
  close(): Promise<void>
}

/** Serves the application; a client that is slow to send its request, or takes nothing of the answer, is cut off. */
export async function createHttpServer(
  app: Koa<RequestState>,
  config: Pick<HttpConfig, 'server' | 'shutdownGraceMs'>,
  realtime?: { disconnect(): Promise<void> },
): Promise<HttpServer> {
  const { port, host, requestTimeoutMs } = config.server
  const open = new Set<ServerResponse>()
  const server = createServer({
    requestTimeout: requestTimeoutMs,
    headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: 1000,
    // Refused by the application, in the words of every other refusal.
    requireHostHeader: false,
  })
  server.on('request', (_, response: ServerResponse) => {
    open.add(response)
    response.once('close', () => open.delete(response))
    if (!server.listening) response.setHeader('Connection', 'close')
  })
  const callback = app.callback()
  const handle = (request: IncomingMessage, response: ServerResponse) =>
    void callback(request, response).then(() => cutWhenStuck(response, requestTimeoutMs))
  server.on('request', handle)
  // The application refuses what it does not like; whatever else a client expects, it gets an answer.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('connect', (_, socket) => refuseUnread(socket, [405, 'method_not_allowed'], 'this is no proxy'))
  if (realtime) passUpgrades(server, handle)
  server.on('clientError', answerUnreadable)
  server.listen(port, host)
  await once(server, 'listening')
  return { server, url: urlOf(server), close: () => drain(server, open, config.shutdownGraceMs, realtime) }
}

/** The answer is on its way: whoever takes none of it for so long would hold its bytes, and a file's handle, for ever. */
function cutWhenStuck(response: ServerResponse, limitMs: number): void {
  if (response.writableFinished || response.destroyed) return
  response.setTimeout(limitMs, () => response.socket?.destroy())
}

function urlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo
  const host = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[address] ?? (address.includes(':') ? `[${address}]` : address)
  return `http://${host}:${port}`
}

async function drain(
  server: Server,
  open: Set<ServerResponse>,
  graceMs: number,
  realtime?: { disconnect(): Promise<void> },
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // A connection for events ends only when it is told to.
  await realtime?.disconnect()
  for (const response of open) if (!response.headersSent) response.setHeader('Connection', 'close')
  // A kept-alive connection that turns idle would hold the process.
  const sweep = setInterval(() => server.closeIdleConnections(), 100)
  const cut = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearInterval(sweep)
  clearTimeout(cut)
}

const unreadable: Record<string, [status: number, code: string]> = {
  HPE_HEADER_OVERFLOW: [431, 'headers_too_large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'request_timeout'],
}

/** What is no HTTP never reaches the application; it is answered like everything else. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  refuseUnread(socket, unreadable[error.code ?? ''] ?? [400, 'malformed_request'], 'the request could not be read')
}

function refuseUnread(socket: Duplex, [status, code]: [status: number, code: string], detail: string): void {
  socket.on('error', () => socket.destroy())
  const title = STATUS_CODES[status] ?? 'Bad Request'
  const refusal = new ParleyError(code, status, title, detail)
  const traceId = randomBytes(16).toString('hex')
  const body = JSON.stringify(problemOf(refusal, { instance: '', traceId }))
  const headers = [
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Trace-Id: ${traceId}`,
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    'Connection: close',
  ]
  socket.end(`HTTP/1.1 ${status} ${title}\r\n${headers.join('\r\n')}\r\n\r\n${body}`)
}
