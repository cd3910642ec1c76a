import pg from 'pg'
import { settlementChannel } from './receipt-settlements.js'

export interface ReceiptListenerOptions {
  url: string
  /** What a worker in another process said of a receipt. */
  onMessage: (message: string) => void
  log: { warn(fields: object, message: string): void }
  reconnectMs?: number
}

/** One connection that hears what the workers of other processes did; while it is away, answers are 202. */
export function createReceiptListener({ url, onMessage, log, reconnectMs = 1000 }: ReceiptListenerOptions) {
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = true

  async function connect(): Promise<void> {
    const connecting = new pg.Client({ connectionString: url, keepAlive: true, application_name: 'parley-listener' })
    client = connecting
    connecting.on('notification', ({ payload }) => onMessage(payload ?? ''))
    connecting.once('error', (error) => again(connecting, error))
    connecting.once('end', () => again(connecting))
    try {
      await connecting.connect()
      await connecting.query(`listen ${settlementChannel}`)
    } catch (error) {
      again(connecting, error)
    }
  }

  function again(lost: pg.Client, error?: unknown): void {
    if (stopped || client !== lost) return
    client = undefined
    log.warn({ err: error, retry_ms: reconnectMs }, 'the listener for receipts lost its connection')
    void lost.end().catch(() => undefined)
    timer = setTimeout(() => void connect(), reconnectMs)
  }

  return {
    start(): void {
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

export type ReceiptListener = ReturnType<typeof createReceiptListener>
