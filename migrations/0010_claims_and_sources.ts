import type { Knex } from 'knex'

// Old code survives this migration: the new columns have defaults, and it reads neither of them.

/**
 * What the claim of an account counts for: what is there, and what the operator writes, is confirmed. And from whom a
 * receipt came, before it is known which company that is, so that the drain can take turns.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table integrations add column standing text not null default 'confirmed'
      check (standing in ('confirmed', 'claimed', 'pending'));
    alter table webhook_receipts add column source_key text;
    -- Events of rooms that are nobody's call are purged by their age.
    create index idx_lce_unclaimed on livekit_call_events (received_at) where not processed`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index idx_lce_unclaimed;
    alter table webhook_receipts drop column source_key;
    alter table integrations drop column standing`)
}
