import type { Delivery } from '../domain/webhook.js'
import { isDatabaseDown } from './database-down.js'
import type { Arrival, ReceiptRow } from './webhook-receipts.js'

/** What a delivery learns of its receipt. */
export type Receipt = Pick<ReceiptRow, 'id' | 'status' | 'usage'> & {
  tenantId: string | undefined
  /** Of all deliveries of the event, exactly one is the first. */
  first: boolean
}

export interface BatcherOptions {
  insert: (arrivals: readonly Arrival[]) => Promise<ReceiptRow[]>
  /** More gains nothing, and costs the last of the batch its time (measured). */
  maxBatch?: number
  maxBatchBytes?: number
  /** One commit on its way to the disk while the next is being written. */
  maxInFlight?: number
}

interface Waiting {
  delivery: Delivery
  drain: boolean
  resolve: (receipt: Receipt) => void
  reject: (error: unknown) => void
}

/** Group commit: deliveries that arrive together share a statement and a commit; one that is alone waits for nobody. */
export function createReceiptBatcher(options: BatcherOptions) {
  const { insert, maxBatch = 64, maxBatchBytes = 4 * 1024 * 1024, maxInFlight = 2 } = options
  let queue: Waiting[] = []
  const keysInFlight = new Set<string>()
  let inFlight = 0
  let gathering = false

  function pump(): void {
    while (inFlight < maxInFlight) {
      const { batch, left } = takeBatch(queue, { maxBatch, maxBatchBytes, keysInFlight })
      if (batch.length === 0) return
      queue = left
      inFlight++
      const groups = groupByKey(batch)
      for (const key of groups.keys()) keysInFlight.add(key)
      void commit(insert, groups).finally(() => {
        inFlight--
        for (const key of groups.keys()) keysInFlight.delete(key)
        pump()
      })
    }
  }

  /** Once what else has come in this turn of the event loop is in the queue. */
  function gather(): void {
    if (gathering) return
    gathering = true
    setImmediate(() => {
      gathering = false
      pump()
    })
  }

  return {
    /** @throws what the database throws; nothing is known of the receipt then */
    record(delivery: Delivery, drain: boolean): Promise<Receipt> {
      return new Promise((resolve, reject) => {
        queue.push({ delivery, drain, resolve, reject })
        gather()
      })
    },
  }
}

export type ReceiptBatcher = ReturnType<typeof createReceiptBatcher>

/** From the front; a repeat of what is being written waits until that is known. */
function takeBatch(
  queue: readonly Waiting[],
  limits: { maxBatch: number; maxBatchBytes: number; keysInFlight: ReadonlySet<string> },
): { batch: Waiting[]; left: Waiting[] } {
  const batch: Waiting[] = []
  const held: Waiting[] = []
  let bytes = 0
  let seen = 0
  for (; seen < queue.length && batch.length < limits.maxBatch; seen++) {
    const waiting = queue[seen] as Waiting
    if (limits.keysInFlight.has(waiting.delivery.deliveryKey)) {
      held.push(waiting)
      continue
    }
    bytes += waiting.delivery.payload.length
    if (batch.length > 0 && bytes > limits.maxBatchBytes) break
    batch.push(waiting)
  }
  return { batch, left: [...held, ...queue.slice(seen)] }
}

type Insert = BatcherOptions['insert']

type Groups = ReadonlyMap<string, Waiting[]>

async function commit(insert: Insert, groups: Groups): Promise<void> {
  try {
    const rows = await insert([...groups.values()].map(arrivalOf))
    const byKey = new Map(rows.map((row) => [row.delivery_key, row]))
    for (const [key, group] of groups) settle(group, byKey.get(key))
  } catch (error) {
    if (groups.size === 1 || isDatabaseDown(error)) {
      for (const group of groups.values()) group.forEach(({ reject }) => reject(error))
      return
    }
    // One row that the database refuses must not take its neighbours with it.
    await Promise.all([...groups].map((group) => commit(insert, new Map([group]))))
  }
}

function groupByKey(batch: readonly Waiting[]): Map<string, Waiting[]> {
  const groups = new Map<string, Waiting[]>()
  for (const waiting of batch) {
    const group = groups.get(waiting.delivery.deliveryKey)
    if (group) group.push(waiting)
    else groups.set(waiting.delivery.deliveryKey, [waiting])
  }
  return groups
}

function arrivalOf(group: Waiting[]): Arrival {
  const [{ delivery, drain }] = group as [Waiting]
  return { delivery, drain, source: 'delivery', count: group.length }
}

function settle(group: Waiting[], row: ReceiptRow | undefined): void {
  group.forEach(({ resolve, reject }, index) => {
    if (!row) return reject(new Error('the database answered without the receipt'))
    resolve({
      id: row.id,
      status: row.status,
      tenantId: row.tenant_id ?? undefined,
      first: row.inserted && index === 0,
      usage: row.usage,
    })
  })
}
