import { connect, type Socket } from 'node:net'
import { createApp } from '../../src/http/app.js'
import type { AppServices } from '../../src/http/app-services.js'
import type { Route } from '../../src/http/route.js'
import { createHttpServer, type HttpServer } from '../../src/http/server.js'
import { startApp, type TestApp } from '../http/harness.js'

export interface EdgeServer {
  app: TestApp
  http: HttpServer
  /** Sends these bytes, and answers everything that came until the server closed or was silent. */
  send: (bytes: string | Buffer, options?: { silentMs?: number }) => Promise<string>
  open: () => Socket
  stop: () => Promise<void>
}

/** The application behind the very server that production has. */
export async function startEdge({
  env = {},
  services = {},
  routes = [],
}: { env?: Record<string, string>; services?: Partial<AppServices>; routes?: Route[] } = {}): Promise<EdgeServer> {
  const app = await startApp({ env: { PORT: '0', SHUTDOWN_GRACE_SECONDS: '1', ...env }, services })
  const http = await createHttpServer(createApp(app.services, routes), app.config, {
    disconnect: () => Promise.resolve(),
  })
  const port = Number(new URL(http.url).port)
  const open = () => connect(port, '127.0.0.1').on('error', () => undefined)
  return {
    app,
    http,
    open,
    send: (bytes, { silentMs = 700 } = {}) => everything(open(), bytes, silentMs),
    async stop() {
      await http.close()
      await app.stop()
    },
  }
}

function everything(socket: Socket, bytes: string | Buffer, silentMs: number): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let timer: NodeJS.Timeout | undefined
    const finish = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(Buffer.concat(chunks).toString('latin1'))
    }
    const wait = () => {
      clearTimeout(timer)
      // Until something comes the server may take its time, the machine being slow.
      timer = setTimeout(finish, chunks.length === 0 ? 15_000 : silentMs)
    }
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      wait()
    })
    socket.on('close', finish)
    wait()
    socket.write(bytes)
  })
}

/** Statuses of the answers in what came over a connection. */
export const statusesIn = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
