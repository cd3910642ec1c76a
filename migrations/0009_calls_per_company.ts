import type { Knex } from 'knex'
import { setAside } from './kept-rows.js'

// Old code survives this migration: its inserts find no conflict where there is none, and the new column may be null.

/**
 * A provider's id of a call is unique within a company: who merely knows the id of another company's call gets a row of
 * its own, and nothing of the other's. LiveKit's events name no company, so that a room is one call's among all.
 */
const perCompany = `
  drop index call_logs_external_key;
  create unique index call_logs_external_key on call_logs (provider, external_id, tenant_id);
  create unique index call_logs_room_key on call_logs (external_id) where provider = 'livekit';`

/** What a receipt of nobody names: whoever claims one of these accounts later gets the receipt. */
const accounts = `
  alter table webhook_receipts add column accounts text[];
  create index webhook_receipts_unclaimed_idx on webhook_receipts using gin (accounts)
    where tenant_id is null and accounts is not null;`

export async function up(knex: Knex): Promise<void> {
  await knex.raw(perCompany)
  await knex.raw(accounts)
}

export async function down(knex: Knex): Promise<void> {
  // Where two companies have a row, the older code knows the first only.
  await setAside(
    knex,
    '0009_calls_per_company',
    'call_logs',
    `exists (select from call_logs o where o.provider = call_logs.provider and o.external_id = call_logs.external_id
       and o.id < call_logs.id)`,
  )
  await knex.raw(`
    drop index webhook_receipts_unclaimed_idx;
    alter table webhook_receipts drop column accounts;
    drop index call_logs_room_key;
    drop index call_logs_external_key;
    create unique index call_logs_external_key on call_logs (provider, external_id)`)
}
