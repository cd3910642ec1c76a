import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { type Config, loadConfig } from '../../src/config.js'
import { createApp } from '../../src/http/app.js'
import type { AppServices } from '../../src/http/app-services.js'
import type { Route } from '../../src/http/route.js'
import { createEvents } from '../../src/observability/events.js'
import { createLogger } from '../../src/observability/logger.js'
import { createMetrics } from '../../src/observability/metrics.js'
import { createLimitStore } from '../../src/redis/limit-store.js'

export const secret = 'a-secret-of-the-tests-with-more-than-32-bytes'
export const companyId = '0199a3c2-6d1e-7000-8000-0000000000aa'
export const userId = '0199a3c2-6d1e-7000-8000-0000000000bb'

export interface TestApp {
  url: string
  server: Server
  services: AppServices
  config: Config
  lines: Record<string, unknown>[]
  /** What was logged, as it was written. */
  text: () => string
  /** Lines of one business event. */
  eventsNamed: (event: string) => Record<string, unknown>[]
  stop: () => Promise<void>
}

export interface TestAppOptions {
  env?: Record<string, string>
  services?: Partial<AppServices>
  routes?: Route[]
}

const absent = () => Promise.reject(new Error('this test has no store'))

/** The real application over real HTTP; what a test does not name is absent. */
export async function startApp({ env = {}, services = {}, routes = [] }: TestAppOptions = {}): Promise<TestApp> {
  const config = loadConfig({
    NODE_ENV: 'test',
    JWT_SECRET: secret,
    RATE_LIMIT_USER: '100000/minute',
    RATE_LIMIT_TENANT: '100000/minute',
    RATE_LIMIT_ANONYMOUS: '100000/minute',
    LOG_LEVEL: 'debug',
    ...env,
  })
  const written: string[] = []
  const { logLevel: level, redactPii } = config.observability
  const log = createLogger({
    service: 'parley-test',
    level,
    redactPii,
    destination: { write: (line) => void written.push(line) },
  })
  const metrics = createMetrics()
  const events = createEvents(log, metrics)
  const all: AppServices = {
    config,
    log,
    metrics,
    events,
    limits: createLimitStore({ events }),
    version: '1.2.3',
    users: { findForLogin: absent, findById: absent },
    refreshTokens: { issue: absent, rotate: absent, revokeByToken: absent },
    identities: { standingOf: async () => ({ ended: false, role: null }), ofClerk: absent },
    apiKeys: { present: absent },
    audit: { record: async () => {} },
    probes: { database: async () => {}, temporal: async () => {}, workers: async () => {} },
    workerHeartbeats: () => Promise.resolve([]),
    ...services,
  }
  const handle = createApp(all, routes).callback()
  const server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const parsed = () => written.map((line) => JSON.parse(line) as Record<string, unknown>)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    services: all,
    config,
    get lines() {
      return parsed()
    },
    text: () => written.join(''),
    eventsNamed: (event) => parsed().filter((line) => line.event === event),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export interface Claims {
  sub?: string
  email?: string
  company_id?: string
  role?: string
}

/** A token as login gives it, unless something is asked to be wrong with it. */
export async function tokenFor(
  claims: Claims = {},
  options: { key?: string; expiresInSeconds?: number | null } = {},
): Promise<string> {
  const { sub = userId, ...rest } = claims
  const now = Math.floor(Date.now() / 1000)
  const { key = secret, expiresInSeconds = 60 } = options
  const jwt = new SignJWT({ email: 'lead@acme.test', company_id: companyId, role: 'leadership', ...rest })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuedAt(now - 3600)
  if (expiresInSeconds !== null) jwt.setExpirationTime(now + expiresInSeconds)
  return await jwt.sign(new TextEncoder().encode(key))
}
