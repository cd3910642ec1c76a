import type { Ledger, LedgerReceipt } from './ledger.js'
import type { TruthEvent } from './truth.js'

/** What became of one event: every one is exactly one of these. */
export type Fate =
  | 'processed'
  /** Kept and listed, with the reason. */
  | 'unmatched'
  | 'failed'
  /** Nobody answered, or it was never sent, and its provider does not try again. */
  | 'lost'
  /** Taken, or refused although it was authentic, and nowhere to be found. */
  | 'missing'
  | 'doubled'

export interface ProviderRow {
  provider: string
  events: number
  /** Copies that were sent and could be verified. */
  authentic: number
  /** Copies that were answered as a duplicate. */
  duplicates: number
  /** Copies that could not be verified and were taken all the same: must be none. */
  forgedTaken: number
  fates: Record<Fate, number>
}

export interface Comparison {
  providers: ProviderRow[]
  fates: ReadonlyMap<TruthEvent, Fate>
  reasons: string[]
}

/** Compares what was sent with what was written down, event by event. */
export function compareEvents(events: readonly TruthEvent[], ledger: Ledger): Comparison {
  const find = receiptFinder(ledger)
  const providers = new Map<string, ProviderRow>()
  const fates = new Map<TruthEvent, Fate>()
  const reasons: string[] = []
  for (const event of events) {
    const { fate, reason } = fateOf(event, find(event))
    fates.set(event, fate)
    const row = providers.get(event.provider) ?? emptyRow(event.provider)
    providers.set(event.provider, count(row, event, fate))
    if (reason !== undefined) reasons.push(`${fate} ${event.provider} ${event.kind} ${event.externalId}: ${reason}`)
  }
  const sorted = [...providers.values()].sort((a, b) => (a.provider < b.provider ? -1 : 1))
  return { providers: sorted, fates, reasons }
}

/** What became of one event, and why, where that is not plain. */
export function fateOf(event: TruthEvent, receipts: readonly LedgerReceipt[]): { fate: Fate; reason?: string } {
  // One without a tenant leaves no trace in the event log.
  const times = receipts.reduce(
    (sum, one) => sum + (one.status === 'processed' ? Math.max(1, one.processed) : one.processed),
    0,
  )
  if (times > 1) return { fate: 'doubled', reason: `processed ${times} times` }
  if (times === 1) return { fate: 'processed' }
  const listed = receipts.find(({ status }) => status === 'unmatched' || status === 'waiting')
  if (listed) return { fate: 'unmatched', reason: `${listed.status}: ${listed.error ?? ''}` }
  const failed = receipts.find(({ status }) => status === 'failed')
  if (failed) return { fate: 'failed', reason: failed.error ?? '' }
  if (receipts.length > 0) return { fate: 'missing', reason: `its receipt is ${receipts[0]?.status}` }
  return withoutReceipt(event)
}

function withoutReceipt({ deliveries }: TruthEvent): { fate: Fate; reason: string } {
  const answers = deliveries
    .filter(({ forged }) => !forged)
    .flatMap(({ attempts }) => attempts.map(({ status }) => status))
  const taken = answers.find(is2xx)
  if (taken !== undefined) return { fate: 'missing', reason: `answered ${taken}, and there is no receipt` }
  // Whatever is down behind it: as long as the API answers, it keeps what is authentic.
  const refused = answers.find((status) => status !== null)
  if (refused !== undefined) return { fate: 'missing', reason: `authentic, and answered ${refused}` }
  return { fate: 'lost', reason: `answers: ${answers.map((status) => status ?? 'none').join(', ') || 'never sent'}` }
}

const is2xx = (status: number | null) => status !== null && status >= 200 && status < 300

/** By the stored bytes, else by the provider's id of the event, else by what it is about and its kind. */
function receiptFinder({ receipts }: Ledger) {
  const groups = (keyOf: (receipt: LedgerReceipt) => string) => {
    const found = new Map<string, LedgerReceipt[]>()
    for (const receipt of receipts) found.set(keyOf(receipt), [...(found.get(keyOf(receipt)) ?? []), receipt])
    return (key: string) => found.get(key) ?? []
  }
  const byBody = groups(({ provider, sha256 }) => `${provider} ${sha256}`)
  const byId = groups(({ provider, externalId }) => `${provider} ${externalId}`)
  const byKey = groups(({ deliveryKey }) => deliveryKey)
  return ({ provider, kind, externalId, eventId, sha256, deliveryKey }: TruthEvent): readonly LedgerReceipt[] => {
    if (deliveryKey !== null) return byKey(deliveryKey)
    const same = byBody(`${provider} ${sha256}`)
    if (same.length > 0) return same
    if (eventId !== null) {
      const named = byId(`${provider} ${eventId}`)
      return named.length > 0
        ? named
        : receipts.filter((one) => one.provider === provider && one.deliveryKey.includes(eventId))
    }
    return byId(`${provider} ${externalId}`).filter((one) => plain(one.kind) === plain(kind))
  }
}

const plain = (kind: string) => kind.toLowerCase().replaceAll(/[^a-z]/g, '')

const emptyRow = (provider: string): ProviderRow => ({
  provider,
  events: 0,
  authentic: 0,
  duplicates: 0,
  forgedTaken: 0,
  fates: { processed: 0, unmatched: 0, failed: 0, lost: 0, missing: 0, doubled: 0 },
})

function count(row: ProviderRow, { deliveries }: TruthEvent, fate: Fate): ProviderRow {
  const sent = deliveries.filter(({ attempts }) => attempts.length > 0)
  const answers = deliveries.flatMap(({ attempts }) => attempts.map(({ answer }) => answer))
  const forged = deliveries.filter((one) => one.forged && one.attempts.some(({ status }) => is2xx(status)))
  return {
    ...row,
    events: row.events + 1,
    authentic: row.authentic + sent.filter((one) => !one.forged).length,
    duplicates: row.duplicates + answers.filter((answer) => answer === 'duplicate_ignored').length,
    forgedTaken: row.forgedTaken + forged.length,
    fates: { ...row.fates, [fate]: row.fates[fate] + 1 },
  }
}
