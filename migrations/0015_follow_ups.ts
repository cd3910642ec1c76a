import type { Knex } from 'knex'
import { policies, role, ruledPolicies } from './row-security.js'

// Old code survives this migration: both tables are new, and nothing else changes.

/**
 * One row per call or text message that a company asked for. It says before anything is sent that something is about to be
 * (attempt_open), so that whoever finds it later asks the provider first. With the lead go its follow-ups: those that
 * still wait must not be sent, and the others name the person.
 */
const followUps = `
  create table follow_ups (
    id uuid primary key,
    tenant_id uuid not null references companies (id),
    lead_id uuid not null,
    channel text not null check (channel in ('call', 'sms')),
    status text not null default 'scheduled'
      check (status in ('scheduled', 'sending', 'sent', 'completed', 'failed', 'unknown', 'cancelled')),
    reason text check (char_length(reason) <= 100),
    error_code text check (char_length(error_code) <= 100),
    -- E.164; that of the lead when it was last looked.
    to_number text not null check (char_length(to_number) <= 20),
    -- Whose number it was sent from; null where the provider chose, or nothing was sent.
    from_number text check (char_length(from_number) <= 50),
    -- Null until the draft is there.
    body text check (char_length(body) between 1 and 4000),
    draft boolean not null default false,
    metadata jsonb not null default '{}',
    not_before timestamptz,
    -- Until when it waits, where it does.
    waits_until timestamptz,
    -- Of the request, under an Idempotency-Key.
    request_hash text not null,
    created_by text not null check (char_length(created_by) <= 200),
    provider text check (provider in ('twilio', 'bland')),
    external_id text check (char_length(external_id) <= 200),
    attempts integer not null default 0,
    attempt_open boolean not null default false,
    attempted_at timestamptz,
    -- When its workflow took it.
    begun_at timestamptz,
    sent_at timestamptz,
    ended_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    foreign key (tenant_id, lead_id) references leads (tenant_id, id) on delete cascade);
  create index follow_ups_created_idx on follow_ups (tenant_id, created_at, id);
  create index follow_ups_lead_idx on follow_ups (tenant_id, lead_id, created_at, id);
  create index follow_ups_status_idx on follow_ups (tenant_id, status, created_at, id);
  create unique index follow_ups_external_key on follow_ups (provider, external_id) where external_id is not null;
  -- What reaches, or reached, one person by one channel.
  create index follow_ups_person_idx on follow_ups (to_number, channel, tenant_id);
  create index follow_ups_unbegun_idx on follow_ups (created_at) where begun_at is null and status = 'scheduled';`

const quietHours = `
  create table quiet_hours (
    tenant_id uuid primary key references companies (id),
    -- Null: the company's own.
    timezone text check (char_length(timezone) between 1 and 64),
    quiet_from time,
    quiet_to time,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((quiet_from is null) = (quiet_to is null)));`

const office = `${role} in ('leadership', 'csr')`
const leadership = `${role} = 'leadership'`
/** Whoever sees the lead sees what it was sent. */
const seesLead = '(select true from leads l where l.id = lead_id)'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(followUps)
  await knex.raw(quietHours)
  await knex.raw(policies('follow_ups', `${office} or ${seesLead}`))
  await knex.raw(policies('quiet_hours'))
  await knex.raw(ruledPolicies('follow_ups', { read: `${office} or ${seesLead}`, remove: 'false' }))
  await knex.raw(ruledPolicies('quiet_hours', { read: leadership, remove: 'false' }))
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table quiet_hours, follow_ups')
}
