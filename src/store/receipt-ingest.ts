import type { Knex } from 'knex'
import type { Delivery } from '../domain/webhook.js'
import type { Database } from './database.js'
import type { ReceiptCipher } from './receipt-cipher.js'
import type { ReceiptProcessing } from './receipt-processing.js'
import { receiptColumns, type SettledReceipt, type StoredReceipt } from './receipt-states.js'
import { addMissing } from './webhook-receipts.js'

export interface AskedEvents {
  provider: string
  sessionId: string
  conversationId: string
  /** As the provider lists them. */
  events: readonly unknown[]
}

export interface ReceiptIngestDeps {
  database: Pick<Database, 'withService'>
  processing: ReceiptProcessing
  cipher: Pick<ReceiptCipher, 'seal'>
  deliveriesOf: (
    provider: string,
    events: readonly unknown[],
    conversation: { sessionId: string; conversationId: string },
  ) => Delivery[]
}

/** Takes in what a provider was asked for, as its webhooks would have been: a late one is then a duplicate. */
export function createReceiptIngest({ deliveriesOf, ...deps }: ReceiptIngestDeps) {
  const ingest = createDeliveryIngest(deps)
  return async function ingestEvents({ provider, events, ...conversation }: AskedEvents): Promise<SettledReceipt[]> {
    return await ingest(deliveriesOf(provider, events, conversation))
  }
}

/** Takes in deliveries that nobody sent, each event once. */
export function createDeliveryIngest({ database, processing, cipher }: Omit<ReceiptIngestDeps, 'deliveriesOf'>) {
  return async function ingestDeliveries(deliveries: readonly Delivery[]): Promise<SettledReceipt[]> {
    const byKey = new Map(deliveries.map((delivery) => [delivery.deliveryKey, delivery]))
    if (byKey.size === 0) return []
    const arrivals = [...byKey.values()].map((delivery) => ({
      delivery,
      drain: true,
      source: 'reconcile' as const,
      count: 1,
    }))
    return await database.withService(undefined, async (trx) => {
      await addMissing(trx, arrivals, cipher)
      // The workflow that asked is told by its asking: no signal.
      return await processing.applyAll(trx, await lockUnfinished(trx, [...byKey.keys()]), { signalPending: false })
    })
  }
}

export type IngestEvents = ReturnType<typeof createReceiptIngest>
export type IngestDeliveries = ReturnType<typeof createDeliveryIngest>

/** A parked one too: now its session is known. */
async function lockUnfinished(trx: Knex.Transaction, keys: string[]): Promise<StoredReceipt[]> {
  const { rows } = await trx.raw<{ rows: StoredReceipt[] }>(
    `select ${receiptColumns} from webhook_receipts
     where delivery_key = any(?::text[]) and status in ('received', 'waiting', 'unmatched')
     order by delivery_key for update`,
    [keys] as Knex.RawBinding[],
  )
  return rows
}
