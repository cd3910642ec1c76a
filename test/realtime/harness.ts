import { once } from 'node:events'
import { WebSocket } from 'ws'
import { loadConfig } from '../../src/config.js'
import type { NewEvent } from '../../src/domain/event.js'
import type { Actor } from '../../src/domain/identity.js'
import { createApp } from '../../src/http/app.js'
import { realtimeRoutes } from '../../src/http/routes/realtime.js'
import { testEmitRoutes } from '../../src/http/routes/test-emit.js'
import { createHttpServer } from '../../src/http/server.js'
import { createEvents } from '../../src/observability/events.js'
import { logInto } from '../support/log-lines.js'
import { createMetrics } from '../../src/observability/metrics.js'
import type { Envelope } from '../../src/realtime/message.js'
import type { RealtimeLimits } from '../../src/realtime/realtime.js'
import { createLimitStore } from '../../src/redis/limit-store.js'
import { createApiKeyStore } from '../../src/store/api-keys.js'
import { createAudit } from '../../src/store/audit.js'
import { createIdentityLookup } from '../../src/store/identity-lookup.js'
import { createRealtimeServices } from '../../src/realtime-services.js'
import { createRedisConnection } from '../../src/redis/connection.js'
import { createDatabase } from '../../src/store/database.js'
import { appendEvents } from '../../src/store/event-log.js'
import type { Services } from '../../src/services.js'
import { secret, tokenFor } from '../http/harness.js'
import type { World } from '../store/world.js'

export interface NodeOptions {
  env?: Record<string, string>
  limits?: Partial<RealtimeLimits>
  redisUrl?: string
  /** Of PostgreSQL, when it is reached by another way. */
  url?: string
  now?: () => number
  lookMs?: number
  standingMs?: number
}

const absent = () => Promise.reject(new Error('this test has no store'))

/** What one API process has of realtime: its own pool, listener and server, on the world's database. */
export async function startNode(world: World, options: NodeOptions = {}) {
  const { env = {}, limits, redisUrl, url = world.test.url, now, lookMs, standingMs } = options
  const config = loadConfig({
    NODE_ENV: 'test',
    JWT_SECRET: secret,
    PORT: '0',
    SHUTDOWN_GRACE_SECONDS: '5',
    RATE_LIMIT_ANONYMOUS: '100000/minute',
    RATE_LIMIT_USER: '100000/minute',
    RATE_LIMIT_TENANT: '100000/minute',
    ...env,
  })
  const lines: Record<string, unknown>[] = []
  const log = logInto(lines)
  const metrics = createMetrics()
  const redis = redisUrl === undefined ? undefined : createRedisConnection({ url: redisUrl, log, metrics })
  const database = createDatabase({ url, poolSize: 6, onEvents: redis && ((nudges) => realtime.tell(nudges)) })
  const realtime = createRealtimeServices({
    databaseUrl: url,
    database,
    redis,
    log,
    metrics,
    reconnectMs: 50,
    ...(limits ? { limits } : {}),
    ...(now ? { now } : {}),
    ...(lookMs === undefined ? {} : { lookMs }),
    ...(standingMs === undefined ? {} : { standingMs }),
  })
  const services = {
    config,
    log,
    metrics,
    events: createEvents(log, metrics),
    version: '1.2.3',
    users: { findForLogin: absent, findById: absent },
    refreshTokens: { issue: absent, rotate: absent, revokeByToken: absent },
    probes: { database: absent, temporal: absent, workers: absent },
    workerHeartbeats: absent,
    limits: createLimitStore({ redis, events: createEvents(log, metrics) }),
    identities: createIdentityLookup(database),
    apiKeys: createApiKeyStore(database),
    audit: createAudit(database),
    realtime,
  }
  const all = services as unknown as Services
  const app = createApp(services, [...realtimeRoutes(all), ...testEmitRoutes(all)])
  const server = await createHttpServer(app, config, realtime)
  let stopped = false
  return {
    url: server.url,
    wsUrl: server.url.replace('http', 'ws'),
    lines,
    metrics,
    realtime,
    database,
    redis,
    append: (...events: NewEvent[]) => database.withService(undefined, (trx) => appendEvents(trx, events)),
    metric: async (name: string) => (await metrics.exposition()).split('\n').filter((line) => line.startsWith(name)),
    async stop() {
      if (stopped) return
      stopped = true
      await server.close()
      await realtime.close()
      redis?.close()
      await database.destroy()
    },
  }
}

export type Node = Awaited<ReturnType<typeof startNode>>

export const tokenOf = (actor: Actor, expiresInSeconds = 600) =>
  tokenFor({ sub: actor.userId, company_id: actor.tenantId, role: actor.role }, { expiresInSeconds })

export interface Said {
  type?: string
  code?: string
  message?: string
  channel?: string
  last_id?: string
}

/** A client that keeps what it is told, in order. */
export function listenTo(socket: WebSocket) {
  const heard: (Envelope & Said)[] = []
  let woken = () => {}
  socket.on('message', (data: Buffer) => {
    heard.push(JSON.parse(data.toString()) as Envelope & Said)
    woken()
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => {
      resolve({ code, reason: reason.toString() })
      woken()
    })
  })
  let read = 0
  const client = {
    socket,
    heard,
    closed,
    /** Ids of the events that came. */
    ids: () => heard.flatMap(({ version, id }) => (version === '1' && id !== null ? [id] : [])),
    events: () => heard.filter(({ version }) => version === '1'),
    send: (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    /** The next answer to a control message. */
    async answer(timeoutMs = 20_000): Promise<Said> {
      return await client.until(() => {
        while (read < heard.length) {
          const said = heard[read++]
          if (said?.type !== undefined) return said
        }
        return undefined
      }, timeoutMs)
    },
    async ask(message: unknown): Promise<Said> {
      client.send(message)
      return await client.answer()
    },
    subscribe: (channel: string, since?: string) =>
      client.ask({ type: 'subscribe', channel, ...(since === undefined ? {} : { since }) }),
    /** Waits until what was heard gives an answer. */
    async until<T>(look: () => T | undefined | false, timeoutMs = 20_000): Promise<T> {
      const giveUpAt = Date.now() + timeoutMs
      for (;;) {
        const found = look()
        if (found !== undefined && found !== false) return found
        if (Date.now() > giveUpAt) throw new Error(`never heard: ${JSON.stringify(heard.slice(-3))}`)
        await Promise.race([
          new Promise<void>((resolve) => (woken = resolve)),
          new Promise((resolve) => setTimeout(resolve, 100)),
        ])
      }
    },
    close() {
      socket.close()
      return closed
    },
  }
  return client
}

export type Client = ReturnType<typeof listenTo>

/** A client with a token in the header. */
export async function connect(node: Pick<Node, 'wsUrl'>, actor: Actor, expiresInSeconds?: number): Promise<Client> {
  const socket = new WebSocket(`${node.wsUrl}/ws`, {
    headers: { authorization: `Bearer ${await tokenOf(actor, expiresInSeconds)}` },
  })
  const client = listenTo(socket)
  await once(socket, 'open')
  return client
}

/** The HTTP answer to a handshake that is refused. */
export function refused(
  address: string,
  { headers = {}, protocols = [] }: { headers?: Record<string, string>; protocols?: string[] } = {},
) {
  const socket = new WebSocket(address, protocols, { headers })
  return new Promise<{ status: number; type: string; body: Record<string, unknown>; headers: Record<string, unknown> }>(
    (resolve, reject) => {
      socket.once('open', () => reject(new Error('it was let in')))
      socket.once('error', reject)
      socket.once('unexpected-response', (_, response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => (text += chunk.toString()))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            body: JSON.parse(text) as Record<string, unknown>,
            headers: response.headers,
          }),
        )
      })
    },
  )
}
