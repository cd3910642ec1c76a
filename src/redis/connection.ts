import { createClient } from 'redis'
import type { Logger } from '../observability/logger.js'
import type { Metrics } from '../observability/metrics.js'

export type RedisClient = ReturnType<typeof newClient>

export interface RedisOptions {
  /** redis:// or rediss://, with a database number if it is shared. */
  url: string
  log: Logger
  metrics: Pick<Metrics, 'redisUp'>
  /** How long one command may take, in milliseconds. */
  commandMs?: number
}

/** Redis is away, or hangs: whoever asked goes on without it. */
export class RedisAwayError extends Error {
  override name = 'RedisAwayError'
}

const connectMs = 2_000
const pingEveryMs = 4_000
/** A connection that is silent through two pings is dead, whatever its socket says. */
const silentMs = 10_000
/** After a command that took too long, nobody waits for the next one sooner than this. */
const pauseMs = 1_000

/**
 * One connection to Redis that comes up by itself, comes back by itself, and is never waited for: a command fails at once
 * while it is away. Each change of state is logged once.
 */
export function createRedisConnection({ url, log, metrics, commandMs = 250 }: RedisOptions) {
  const clients: RedisClient[] = []
  let pausedUntil = 0
  let closed = false

  function open(role: string): RedisClient {
    const client = newClient(url)
    followState(client, role)
    clients.push(client)
    // Without end: an address that is wrong now may be right once its name resolves.
    client.connect().catch((error: unknown) => {
      if (!closed) log.error({ err: error, role }, 'redis gave up')
    })
    return client
  }

  function followState(client: RedisClient, role: string): void {
    let state: 'unknown' | 'up' | 'away' = 'unknown'
    client.on('error', (error: Error) => {
      if (closed || state === 'away') return
      state = 'away'
      log.warn({ event: 'redis:away', role, err: error }, 'redis is away')
      metrics.redisUp.set({ role }, 0)
    })
    client.on('ready', () => {
      if (state === 'away') log.info({ event: 'redis:back', role }, 'redis is back')
      state = 'up'
      metrics.redisUp.set({ role }, 1)
    })
  }

  const commands = open('commands')

  return {
    /** For libraries that send commands themselves, within run(). */
    client: commands,
    /** Whether a command would be sent now. */
    isUp: () => commands.isReady && Date.now() >= pausedUntil,
    /**
     * Sends a command, and waits for it as long as `commandMs`.
     * @throws RedisAwayError at once while Redis is away, and what Redis answers when it refuses
     */
    async run<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
      if (!commands.isReady) throw new RedisAwayError('redis is not connected')
      if (Date.now() < pausedUntil) throw new RedisAwayError('redis did not answer in time a moment ago')
      return await within(commandMs, command(commands), () => (pausedUntil = Date.now() + pauseMs))
    },
    /** @throws RedisAwayError, or what Redis answers, unless it answers */
    async ping(limitMs: number): Promise<void> {
      if (!commands.isReady) throw new RedisAwayError('redis is not connected')
      await within(limitMs, commands.ping())
    },
    /** A second connection, for channels; it subscribes again by itself whenever it comes back. */
    subscriber: () => open('subscriber'),
    /** Ends every connection at once; what is on its way fails. */
    close(): void {
      closed = true
      for (const client of clients) if (client.isOpen) client.destroy()
    },
  }
}

export type RedisConnection = ReturnType<typeof createRedisConnection>

const newClient = (url: string) =>
  createClient({
    url,
    disableOfflineQueue: true,
    pingInterval: pingEveryMs,
    commandsQueueMaxLength: 10_000,
    socket: { connectTimeout: connectMs, socketTimeout: silentMs, reconnectStrategy: pauseBeforeTry },
  })

/** Milliseconds before the next try: soon at first, then every two seconds, never all processes at once. */
const pauseBeforeTry = (retries: number): number =>
  Math.min(50 * 2 ** Math.min(retries, 6), 2_000) * (0.75 + Math.random() / 2)

async function within<T>(limitMs: number, work: Promise<T>, onLate: () => void = () => undefined): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      onLate()
      reject(new RedisAwayError(`redis did not answer within ${limitMs} ms`))
    }, limitMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
