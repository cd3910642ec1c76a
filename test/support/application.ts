import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { loadConfig } from '../../src/config.js'
import { applicationRoutes, createApp } from '../../src/http/app.js'
import { productRoutes } from '../../src/http/product-routes.js'
import type { Route } from '../../src/http/route.js'
import { logInto } from './log-lines.js'
import { createMetrics } from '../../src/observability/metrics.js'
import { createServices } from '../../src/services.js'
import { createTemporalClient, lazyConnection } from '../../src/temporal/connection.js'
import { secret } from '../http/harness.js'

export interface ApplicationOptions {
  databaseUrl: string
  env?: Record<string, string>
  /** What is mounted in the place of the product's routes. */
  replace?: (route: Route) => Route
}

/** The whole API over HTTP with its real services, on a database of the test's and the run's Temporal; without workers. */
export async function startApi({ databaseUrl, env = {}, replace = (route) => route }: ApplicationOptions) {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-api-'))
  const config = loadConfig({
    NODE_ENV: 'test',
    JWT_SECRET: secret,
    PARLEY_DATA_DIR: dataDir,
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    PARLEY_INSTALLATION: randomUUID(),
    LOGIN_RATE_LIMIT: '100000/minute',
    RATE_LIMIT_ANONYMOUS: '100000/minute',
    RATE_LIMIT_USER: '100000/minute',
    RATE_LIMIT_TENANT: '100000/minute',
    ...env,
  })
  const lines: Record<string, unknown>[] = []
  const log = logInto(lines, { service: 'parley-test', level: 'info' })
  const connection = lazyConnection(config.temporal)
  const client = createTemporalClient(connection, config.temporal.namespace)
  const services = createServices({ config, log, metrics: createMetrics(), client, version: '1', together: false })
  const product = productRoutes(services)
  const handle = createApp(services, product.map(replace)).callback()
  const server = createServer((incoming, response) => void handle(incoming, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    services,
    lines,
    /** Every route of the application as it is defined, and which of them `replace` was asked about. */
    routes: applicationRoutes(services, product),
    product,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await connection.close()
      await services.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

export type TestApi = Awaited<ReturnType<typeof startApi>>
