import { isDatabaseDown } from './database-down.js'
import type { Spool, SpooledDelivery } from './spool.js'
import type { Arrival, ReceiptRow } from './webhook-receipts.js'

interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface SpoolDrainOptions {
  spool: Spool
  insert: (arrivals: readonly Arrival[]) => Promise<ReceiptRow[]>
  /** Receipts wait for the drain. */
  wake: () => void
  log: Log
  everyMs?: number
}

const batchSize = 64

/** Brings spooled deliveries into the database, once it answers. */
export function createSpoolDrain({ spool, insert, wake, log, everyMs = 2000 }: SpoolDrainOptions) {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let stopping = false

  async function drainFile(path: string): Promise<number> {
    const { deliveries, torn } = await spool.read(path)
    if (torn > 0) log.warn({ lines: torn }, 'unfinished lines in the webhook spool, never answered')
    const arrivals = [
      ...new Map(deliveries.map((spooled) => [spooled.delivery.deliveryKey, arrivalOf(spooled)])).values(),
    ]
    const refused = await insertAll(arrivals)
    // Before the removal the receipts are committed: a crash in between repeats them, and they have their keys.
    if (refused) await spool.setAside(path)
    else await spool.remove(path)
    return arrivals.length
  }

  /** @returns whether the database refused some of them, one by one */
  async function insertAll(arrivals: Arrival[]): Promise<boolean> {
    let refused = false
    for (let from = 0; from < arrivals.length; from += batchSize) {
      const batch = arrivals.slice(from, from + batchSize)
      try {
        await insert(batch)
      } catch (error) {
        if (isDatabaseDown(error)) throw error
        refused = (await insertEach(batch)) || refused
      }
    }
    return refused
  }

  async function insertEach(batch: Arrival[]): Promise<boolean> {
    let refused = false
    for (const arrival of batch)
      await insert([arrival]).catch((error: unknown) => {
        if (isDatabaseDown(error)) throw error
        refused = true
        log.error(
          { err: error, delivery_key: arrival.delivery.deliveryKey },
          'spooled webhook refused; its file is kept',
        )
      })
    return refused
  }

  /** @returns how many deliveries were brought in; a database that is away leaves the rest where it is */
  async function drainNow(): Promise<number> {
    let count = 0
    try {
      for (let path = await spool.nextFile(); path && !stopping; path = await spool.nextFile())
        count += await drainFile(path)
    } catch (error) {
      if (!isDatabaseDown(error)) log.error({ err: error }, 'the webhook spool could not be drained')
    }
    if (count > 0) {
      log.info({ count }, 'spooled webhooks brought in')
      wake()
    }
    return count
  }

  function loop(): void {
    running = drainNow().then(() => {
      if (!stopping) timer = setTimeout(loop, everyMs)
    })
  }

  return {
    drainNow,
    start(): void {
      loop()
    },
    async stop(): Promise<void> {
      stopping = true
      clearTimeout(timer)
      await running
    },
  }
}

export type SpoolDrain = ReturnType<typeof createSpoolDrain>

const arrivalOf = ({ delivery, sealed, receivedAt }: SpooledDelivery): Arrival => ({
  delivery,
  sealed,
  receivedAt,
  drain: true,
  source: 'spool',
  count: 1,
})
