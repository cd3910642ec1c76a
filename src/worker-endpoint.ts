import { createServer } from 'node:http'
import { once } from 'node:events'
import type { Metrics } from './observability/metrics.js'

/** A worker that runs apart is looked at too: /health once it polls, and its /metrics. */
export async function serveWorkerEndpoint(options: {
  port: number
  host: string
  metrics: Metrics
  running: () => boolean
}) {
  const server = createServer((request, response) => {
    void (async () => {
      if (request.url === '/metrics') {
        const text = await options.metrics.exposition()
        response.writeHead(200, { 'content-type': options.metrics.contentType }).end(text)
      } else if (request.url === '/health') {
        const running = options.running()
        response.writeHead(running ? 200 : 503, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ status: running ? 'ok' : 'starting' }))
      } else response.writeHead(404).end()
    })().catch(() => response.destroy())
  })
  server.listen(options.port, options.host)
  await once(server, 'listening')
  return {
    async close(): Promise<void> {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
