import type { Knex } from 'knex'
import { policies, role } from './row-security.js'

// Old code survives this migration: the table is new, and nothing else changes.

/** How a delivery finds its company: the account, number, company or organisation that a provider names. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table integrations (
      id uuid primary key default parley_uuidv7(),
      tenant_id uuid not null references companies (id),
      provider text not null check (provider in ('tavus', 'elevenlabs', 'livekit', 'twilio', 'callrail', 'clerk', 'bland', 'uwc')),
      account text not null check (char_length(account) between 1 and 200),
      label text check (char_length(label) <= 200),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now());
    create unique index integrations_account_key on integrations (provider, account);
    create index integrations_tenant_idx on integrations (tenant_id, provider, id);
    ${policies('integrations', `${role} = 'leadership'`)}`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table integrations')
}
