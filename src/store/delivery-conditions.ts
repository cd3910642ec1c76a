import type { Knex } from 'knex'
import type { DeliveryFilter } from '../domain/delivery.js'
import { cleanText } from './values.js'

type Condition = [sql: string, bindings: Knex.RawBinding[]]

/** What a filter asks of a receipt's row. */
export function deliveryConditions({ provider, status, externalId, from, to }: DeliveryFilter): Condition[] {
  const found: Condition[] = []
  if (provider !== undefined) found.push(['provider = ?', [cleanText(provider)]])
  if (status !== undefined) found.push(['status = ?', [status]])
  if (externalId !== undefined) found.push(['external_id = ?', [cleanText(externalId)]])
  if (from !== undefined) found.push(['received_at >= ?::timestamptz', [from]])
  if (to !== undefined) found.push(['received_at < ?::timestamptz', [to]])
  return found
}

/** SQL, beginning with "and", and its bindings. */
export function andAll(conditions: readonly Condition[]): Condition {
  return [conditions.map(([sql]) => ` and ${sql}`).join(''), conditions.flatMap(([, bindings]) => bindings)]
}
