import { basename } from 'node:path'
import { isDatabaseDown } from './database-down.js'
import type { Spool } from './spool.js'
import type { Damage, SpooledDelivery } from './spool-file.js'
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
const batchBytes = 4 * 1024 * 1024

/** Brings spooled deliveries into the database, once it answers. */
export function createSpoolDrain({ spool, insert, wake, log, everyMs = 2000 }: SpoolDrainOptions) {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let stopping = false

  /** @returns how many were brought in; a file that cannot be read to its end is kept, and is not tried again */
  async function drainFile(path: string): Promise<number> {
    const damage: Damage = { broken: 0, torn: 0 }
    let count = 0
    let whole = true
    try {
      for await (const batch of batches(spool.read(path, damage))) {
        whole = (await insertAll(batch)) && whole
        count += batch.length
      }
    } catch (error) {
      if (isDatabaseDown(error)) throw error
      // Another process has brought it in.
      if ((error as { code?: unknown }).code === 'ENOENT') return count
      whole = false
      log.error({ err: error, file: basename(path) }, 'a file of the webhook spool cannot be read; it is kept')
    }
    if (damage.torn > 0) log.warn({ lines: damage.torn }, 'unfinished lines in the webhook spool, never answered')
    if (damage.broken > 0)
      log.error(
        { lines: damage.broken, file: basename(path) },
        'lines of the webhook spool cannot be read; their file is kept',
      )
    // Before the removal the receipts are committed: a crash in between repeats them, and they have their keys.
    if (whole && damage.broken === 0) await spool.remove(path)
    else await spool.setAside(path)
    return count
  }

  /** @returns false when the database refused some of them, one by one */
  async function insertAll(batch: readonly Arrival[]): Promise<boolean> {
    try {
      await insert(batch)
      return true
    } catch (error) {
      if (isDatabaseDown(error)) throw error
      return await insertEach(batch)
    }
  }

  async function insertEach(batch: readonly Arrival[]): Promise<boolean> {
    let whole = true
    for (const arrival of batch)
      await insert([arrival]).catch((error: unknown) => {
        if (isDatabaseDown(error)) throw error
        whole = false
        log.error(
          { err: error, delivery_key: arrival.delivery.deliveryKey },
          'spooled webhook refused; its file is kept',
        )
      })
    return whole
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

/** In their order, each key once in a batch: one statement cannot take it twice. */
async function* batches(spooled: AsyncIterable<SpooledDelivery>): AsyncGenerator<Arrival[]> {
  let batch = new Map<string, Arrival>()
  let bytes = 0
  for await (const one of spooled) {
    batch.set(one.delivery.deliveryKey, arrivalOf(one))
    bytes += one.delivery.payload.length
    if (batch.size < batchSize && bytes < batchBytes) continue
    yield [...batch.values()]
    batch = new Map()
    bytes = 0
  }
  if (batch.size > 0) yield [...batch.values()]
}
