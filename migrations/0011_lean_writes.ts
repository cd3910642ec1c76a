import type { Knex } from 'knex'

// Old code survives this migration: it only takes work away from each write.

/** Most entries of the log and most calls have none of these: an index without entries for what is null costs them nothing. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index event_logs_session_idx;
    create index event_logs_session_idx on event_logs (session_id, id) where session_id is not null;
    drop index call_logs_user_idx;
    create index call_logs_user_idx on call_logs (tenant_id, user_id, created_at desc, id desc) where user_id is not null`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index call_logs_user_idx;
    create index call_logs_user_idx on call_logs (tenant_id, user_id, created_at desc, id desc);
    drop index event_logs_session_idx;
    create index event_logs_session_idx on event_logs (session_id, id)`)
}
