import type { Knex } from 'knex'
import { policies, role, user } from './row-security.js'

// Old code survives this migration: the new columns may be null, and it knows nothing of the new tables.

// What Clerk said last of each user, organisation and membership, a deleted one too: so that events may come in any
// order. It belongs to no company, for its rows may come before the company's: only the service has rights on it.
const mirror = `
  alter table companies add column disabled_at timestamptz, add column clerk_updated_at bigint;
  alter table users add column clerk_updated_at bigint;
  create table clerk_entities (
    entity text not null check (entity in ('user', 'organization', 'membership')),
    -- Of a membership organisation and user: its own id changes with each new one.
    external_id text not null check (char_length(external_id) between 1 and 401),
    organization_id text,
    user_id text,
    -- The last change: its time, when it was told, what it said. Milliseconds since the epoch.
    updated_at bigint check (updated_at >= 0),
    sent_at bigint check (sent_at >= 0),
    facts jsonb,
    -- The last deletion, which may come before what was deleted.
    deleted_at bigint check (deleted_at >= 0),
    primary key (entity, external_id));
  create index clerk_entities_user_idx on clerk_entities (user_id) where entity = 'membership';
  grant select, insert, update, delete on clerk_entities to parley_service;`

const partner = `
  create table documents (
    id uuid primary key default parley_uuidv7(),
    tenant_id uuid not null references companies (id),
    external_id text check (char_length(external_id) between 1 and 200),
    name text not null check (char_length(name) between 1 and 500),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now());
  create unique index documents_external_key on documents (tenant_id, external_id);

  create table leads (
    id uuid primary key default parley_uuidv7(),
    tenant_id uuid not null references companies (id),
    external_id text check (char_length(external_id) between 1 and 200),
    name text not null check (char_length(name) between 1 and 200),
    owner_user_id uuid references users (id) on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now());
  create unique index leads_external_key on leads (tenant_id, external_id);
  create index leads_owner_idx on leads (tenant_id, owner_user_id, id);

  create table uwc_jobs (
    id uuid primary key default parley_uuidv7(),
    tenant_id uuid not null references companies (id),
    kind text not null check (kind in ('asr', 'rag', 'training', 'analysis', 'followup')),
    job_id text not null check (char_length(job_id) between 1 and 200),
    request_id text check (char_length(request_id) <= 200),
    status text not null check (status in ('queued', 'running', 'failed', 'completed')),
    -- The partner's own word.
    partner_status text check (char_length(partner_status) <= 200),
    subject_type text check (subject_type in ('call', 'document', 'rep', 'lead')),
    -- Our id of it.
    subject_id uuid,
    result jsonb not null default '{}',
    -- The partner's time of what is told here.
    reported_at timestamptz,
    failed_at timestamptz,
    completed_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now());
  create unique index uwc_jobs_key on uwc_jobs (tenant_id, kind, job_id);
  create index uwc_jobs_request_idx on uwc_jobs (tenant_id, request_id);

  create table transcripts (
    id uuid primary key default parley_uuidv7(),
    tenant_id uuid not null references companies (id),
    call_id uuid not null,
    job_id text,
    text text,
    entries jsonb,
    reported_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now());
  create unique index transcripts_call_key on transcripts (tenant_id, call_id);`

const office = `${role} in ('leadership', 'csr')`

/** Rows that the application may reach, beside the tenant's border. */
const rows: Readonly<Record<string, string>> = {
  documents: 'true',
  leads: `owner_user_id::text = ${user} or ${office}`,
  uwc_jobs: `(subject_type = 'rep' and subject_id::text = ${user}) or ${office}`,
  transcripts: office,
}

export async function up(knex: Knex): Promise<void> {
  await knex.raw(mirror)
  await knex.raw(partner)
  for (const [table, condition] of Object.entries(rows)) await knex.raw(policies(table, condition))
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table transcripts, uwc_jobs, leads, documents, clerk_entities;
    alter table users drop column clerk_updated_at;
    alter table companies drop column clerk_updated_at, drop column disabled_at`)
}
