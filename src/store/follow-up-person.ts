import type { Knex } from 'knex'

/** First key of the advisory locks that let follow-ups to one person by one channel be decided one after the other. */
const lockSpace = 7215

/** Held until the commit. */
export async function holdPerson(
  trx: Knex.Transaction,
  { channel, to }: { channel: string; to: string },
): Promise<void> {
  await trx.raw('select pg_advisory_xact_lock(?, hashtext(?))', [lockSpace, `${channel} ${to}`])
}

/** A number that the operator has confirmed as the company's own, to send from; undefined when there is none. */
export async function ownNumberOf(trx: Knex.Transaction, tenantId: string): Promise<string | undefined> {
  const { rows } = await trx.raw<{ rows: { account: string }[] }>(
    `select account from integrations where tenant_id = ? and provider = 'twilio' and standing = 'confirmed'
       and account ~ '^[+][0-9]{8,15}$' order by created_at, id limit 1`,
    [tenantId],
  )
  return rows[0]?.account
}
