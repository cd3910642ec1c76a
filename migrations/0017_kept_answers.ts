import type { Knex } from 'knex'
import { policies, tenant, user } from './row-security.js'

// Old code survives this migration: the table is new, and of the log it sees more, nothing less.

/** What a request with an Idempotency-Key was answered; the effect and this row are one transaction. */
const answers = `
  create table kept_answers (
    id uuid primary key default parley_uuidv7(),
    tenant_id uuid not null references companies (id),
    -- As the token has it: a user, or a key of a server.
    user_id text not null check (char_length(user_id) between 1 and 320),
    request_key text not null check (char_length(request_key) between 1 and 255),
    -- Keyed, for a body may hold a password.
    digest bytea not null check (octet_length(digest) = 32),
    -- Status, headers and body, as they were sent.
    answer text,
    created_at timestamptz not null default now());
  create unique index kept_answers_key on kept_answers (tenant_id, user_id, request_key);
  create index kept_answers_age_idx on kept_answers (created_at);`

/**
 * Whose session it is also sees what happened to it: its entries name the user of our table, who may be known by another id
 * in the token that began it. The policy of sessions says whose it is. A policy of its own, beside the others; by its name
 * the last that is asked.
 */
const ownSession = `
  create policy event_logs_with_session on event_logs for select to parley_app
    using (tenant_id = ${tenant} and session_id is not null
      and (select true from conversations_users c where c.session_id = event_logs.session_id));`

export async function up(knex: Knex): Promise<void> {
  await knex.raw(answers)
  await knex.raw(policies('kept_answers', `user_id = ${user}`))
  await knex.raw(ownSession)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop policy event_logs_with_session on event_logs; drop table kept_answers')
}
