import type { Knex } from 'knex'
import type { Actor } from '../domain/identity.js'
import type { Condition } from './page.js'
import { invalidField } from './refusals.js'
import { cleanText, isUuid } from './values.js'

const noOwner = () => invalidField('/owner_user_id', 'must be an active user of the company')
const noLead = () => invalidField('/lead_id', 'must be a lead that you may see')

/** @throws InvalidRequestError when the owner is not an active user of the actor's company */
export async function assertOwner(trx: Knex.Transaction, ownerUserId: string | null | undefined): Promise<void> {
  if (ownerUserId == null) return
  if (!(await exists(trx, 'select from users where id = ? and disabled_at is null', ownerUserId))) throw noOwner()
}

/** @throws InvalidRequestError when the actor sees no such lead, whoever has one */
export async function assertLead(trx: Knex.Transaction, leadId: string | null | undefined): Promise<void> {
  if (leadId == null) return
  if (!(await exists(trx, 'select from leads where id = ?', leadId))) throw noLead()
}

const exists = async (trx: Knex.Transaction, sql: string, id: string) =>
  isUuid(id) && (await trx.raw<{ rows: unknown[] }>(sql, [id])).rows.length > 0

/** What goes between the check and the write is found by the database. */
export const tieRefusals = (table: string) => ({
  [`${table}_tenant_id_owner_user_id_fkey`]: noOwner,
  [`${table}_tenant_id_lead_id_fkey`]: noLead,
})

/** The policy says the same; said here as well, the index on the owner serves. */
export function ownOnly({ userId }: Actor, column = 'owner_user_id'): Condition {
  return isUuid(userId) ? [`${column} = ?`, [userId]] : ['false', []]
}

/** Conditions of the filters that are given. */
export function given(...conditions: readonly [sql: string, value: string | undefined][]): Condition[] {
  return conditions.flatMap(([sql, value]): Condition[] => (value === undefined ? [] : [[sql, [cleanText(value)]]]))
}
