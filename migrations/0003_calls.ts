import type { Knex } from 'knex'
import { policies, role, user } from './row-security.js'

// Old code survives this migration: both tables are new, and nothing else changes.

/**
 * One row per call, whatever the provider. Who called whom stands in from_number and to_number: from and to are words of
 * SQL, which every query would have to quote.
 */
const calls = `
  create table call_logs (
    id uuid primary key default parley_uuidv7(),
    company_id uuid not null references companies (id),
    tenant_id uuid generated always as (company_id) stored,
    -- Whose call it is, as the token has it; null when only the provider told of it.
    user_id text check (char_length(user_id) <= 200),
    lead_id text check (char_length(lead_id) <= 200),
    provider text not null check (provider in ('livekit', 'twilio', 'callrail', 'bland', 'manual')),
    external_id text not null check (char_length(external_id) between 1 and 500),
    direction text check (direction in ('inbound', 'outbound')),
    from_number text,
    to_number text,
    status text not null check (status in ('queued', 'ringing', 'in_progress', 'ended')),
    started_at timestamptz,
    answered_at timestamptz,
    ended_at timestamptz,
    duration_seconds integer check (duration_seconds >= 0),
    outcome text check (outcome in ('completed', 'no_answer', 'busy', 'failed')),
    ended_reason text,
    metadata jsonb not null default '{}',
    "recordingUrl" text,
    -- What each event said, under its delivery key: the columns above are folded from it.
    facts jsonb not null default '{}',
    announced jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now());
  create unique index call_logs_external_key on call_logs (provider, external_id);
  create index call_logs_tenant_idx on call_logs (tenant_id, created_at desc, id desc);
  create index call_logs_user_idx on call_logs (tenant_id, user_id, created_at desc, id desc);
  create index call_logs_lead_idx on call_logs (tenant_id, lead_id, created_at desc, id desc) where lead_id is not null;
  create index call_logs_open_idx on call_logs (provider, id) where status <> 'ended';`

// An event whose call is not known yet is there unprocessed and without a tenant, which the service alone sees.
const livekitEvents = `
  create table livekit_call_events (
    id uuid constraint idx_lce_id primary key default parley_uuidv7(),
    tenant_id uuid references companies (id),
    call_id uuid references call_logs (id) on delete cascade,
    "eventId" text not null check (char_length("eventId") between 1 and 300),
    event text not null,
    room_sid text,
    room_name text,
    participant_identity text,
    -- What the event says of the call; all of it lies in the receipt.
    payload jsonb not null default '{}',
    processed boolean not null default false,
    "createdAt" timestamptz not null,
    received_at timestamptz not null default now(),
    check (processed = (call_id is not null and tenant_id is not null)));
  create unique index "idx_lce_eventId" on livekit_call_events ("eventId");
  alter table livekit_call_events add constraint "idx_lce_eventId" unique using index "idx_lce_eventId";
  create index idx_lce_tenant on livekit_call_events (tenant_id, "createdAt" desc, id desc);
  create index idx_lce_call on livekit_call_events (call_id, "createdAt");
  create index idx_lce_room on livekit_call_events (room_sid, call_id) where call_id is not null;
  create index idx_lce_unprocessed on livekit_call_events ("createdAt") where not processed;`

const wholeCompany = `${role} in ('leadership', 'csr')`

export async function up(knex: Knex): Promise<void> {
  await knex.raw(calls)
  await knex.raw(policies('call_logs', `user_id = ${user} or ${wholeCompany}`))
  await knex.raw(livekitEvents)
  await knex.raw(policies('livekit_call_events', wholeCompany))
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table livekit_call_events, call_logs')
}
