import type { Knex } from 'knex'

// Old code survives this migration: it only takes work away from each write.

/**
 * Each webhook adds two entries to the log and most calls are nobody's at first: an index that has no entry for what is
 * null costs them nothing, and a foreign key that is checked for every entry of an append-only log guards against the
 * removal of companies, which nothing does.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table event_logs drop constraint event_logs_tenant_id_fkey;
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
    create index event_logs_session_idx on event_logs (session_id, id);
    alter table event_logs add foreign key (tenant_id) references companies (id)`)
}
