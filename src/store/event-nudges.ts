import type { Knex } from 'knex'

/** Name of the PostgreSQL channel that says where the event log has grown. */
export const eventChannel = 'parley_events'

/** A tenant whose log has grown, and how far. */
export interface Nudge {
  tenantId: string
  id: string
}

/** Ids only: whoever may see the events reads them itself. */
export const nudgeText = ({ tenantId, id }: Nudge): string => `${tenantId} ${id}`

/** @returns undefined for what is no nudge */
export function parseNudge(text: string): Nudge | undefined {
  const [, tenantId, id] = /^([0-9a-f-]{36}) (\d{1,19})$/.exec(text) ?? []
  return tenantId === undefined || id === undefined ? undefined : { tenantId, id }
}

/** Nudges of transactions that tell nobody themselves: they are told by other means, once committed. */
const kept = new WeakMap<Knex.Transaction, Map<string, string>>()

/** From now on the transaction's nudges are kept here, by tenant, and PostgreSQL notifies nobody of them. */
export function keepNudges(trx: Knex.Transaction): Map<string, string> {
  const nudges = new Map<string, string>()
  kept.set(trx, nudges)
  return nudges
}

export const keptNudges = (trx: Knex.Transaction): Map<string, string> | undefined => kept.get(trx)
