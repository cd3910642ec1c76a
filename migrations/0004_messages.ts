import type { Knex } from 'knex'
import { policies } from './row-security.js'

// Old code survives this migration: the table is new, and nothing else changes.

/** Text messages, one row each, whichever of its events came first. Everybody of a company sees them. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table messages (
      id uuid primary key default parley_uuidv7(),
      tenant_id uuid not null references companies (id),
      lead_id text,
      provider text not null check (provider in ('twilio', 'callrail')),
      external_id text not null check (char_length(external_id) between 1 and 200),
      direction text not null check (direction in ('inbound', 'outbound')),
      from_number text not null,
      to_number text not null,
      -- Null until the text comes: a status may be first.
      body text,
      media jsonb not null default '[]',
      status text not null,
      -- It never goes down: statuses come in any order.
      status_rank smallint not null,
      error_code text,
      sent_at timestamptz,
      received_at timestamptz,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now());
    create unique index messages_external_key on messages (provider, external_id);
    create index messages_tenant_idx on messages (tenant_id, created_at desc, id desc);
    create index messages_lead_idx on messages (tenant_id, lead_id, created_at desc, id desc) where lead_id is not null;
    ${policies('messages')}`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table messages')
}
