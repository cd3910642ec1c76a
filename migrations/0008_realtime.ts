import type { Knex } from 'knex'
import { policies, user } from './row-security.js'

// Old code survives this migration: the table is new.

// A ticket stands for a token where none can be sent: good for seconds, and for one use.
const tickets = `
  create table ws_tickets (
    id uuid primary key default parley_uuidv7(),
    tenant_id uuid not null references companies (id),
    -- As the token has it: a user, or a key of a server.
    user_id text not null check (char_length(user_id) between 1 and 320),
    role text not null check (role in ('leadership', 'csr', 'rep')),
    ticket_hash bytea not null,
    expires_at timestamptz not null,
    -- Of the token that it stands for: a connection must not outlive it.
    token_expires_at timestamptz,
    created_at timestamptz not null default now());
  create unique index ws_tickets_hash_key on ws_tickets (ticket_hash);
  create index ws_tickets_tenant_idx on ws_tickets (tenant_id, user_id);
  create index ws_tickets_expiry_idx on ws_tickets (expires_at);`

export async function up(knex: Knex): Promise<void> {
  await knex.raw(tickets)
  await knex.raw(policies('ws_tickets', `user_id = ${user}`))
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table ws_tickets')
}
