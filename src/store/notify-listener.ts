import pg from 'pg'

export interface NotifyListenerOptions {
  url: string
  /** A name of SQL, not quoted. */
  channel: string
  /** What the connection is for; stands in the log and in the server's list of connections. */
  name: string
  onMessage: (message: string) => void
  /** Listens from now on, for the first time or again: what was said before went unheard. */
  onListening?: () => void
  log: { warn(fields: object, message: string): void }
  reconnectMs?: number
}

/** One connection that hears what other processes say on a channel, and comes back by itself. */
export function createNotifyListener(options: NotifyListenerOptions) {
  const { url, channel, name, onMessage, onListening, log, reconnectMs = 1000 } = options
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = true

  async function connect(): Promise<void> {
    const connecting = new pg.Client({ connectionString: url, keepAlive: true, application_name: `parley-${name}` })
    client = connecting
    connecting.on('notification', ({ payload }) => onMessage(payload ?? ''))
    connecting.once('error', (error) => again(connecting, error))
    connecting.once('end', () => again(connecting))
    try {
      await connecting.connect()
      await connecting.query(`listen ${channel}`)
    } catch (error) {
      return again(connecting, error)
    }
    if (!stopped && client === connecting) onListening?.()
  }

  function again(lost: pg.Client, error?: unknown): void {
    if (stopped || client !== lost) return
    client = undefined
    log.warn({ err: error, listener: name, retry_ms: reconnectMs }, 'a listener lost its connection')
    lost.on('error', () => undefined)
    void lost.end().catch(() => undefined)
    timer = setTimeout(() => void connect(), reconnectMs)
  }

  return {
    start(): void {
      if (!stopped) return
      stopped = false
      void connect()
    },
    async stop(): Promise<void> {
      stopped = true
      clearTimeout(timer)
      await client?.end().catch(() => undefined)
    },
  }
}

export type NotifyListener = ReturnType<typeof createNotifyListener>
