import type { Knex } from 'knex'
import { policies, role, user } from './row-security.js'

// Old code survives this migration: there is none.

const roles = `
  do $$ begin
    if not exists (select from pg_roles where rolname = 'parley_app') then
      create role parley_app nologin nosuperuser nobypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'parley_service') then
      create role parley_service nologin nosuperuser nobypassrls;
    end if;
  exception when duplicate_object or unique_violation then null; -- another database of this cluster was first
  end $$;`

// Ids sort by time, so that an index grows at its end. Milliseconds since the epoch, then 74 random bits (RFC 9562).
const uuidv7 = `
  create function parley_uuidv7() returns uuid language sql volatile parallel safe as $$
    select encode(
      set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
        substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
  $$;
  revoke all on function parley_uuidv7() from public;
  grant execute on function parley_uuidv7() to parley_app, parley_service;`

const identity = `
  create table companies (
    id uuid primary key default parley_uuidv7(),
    tenant_id uuid generated always as (id) stored,
    name text not null check (char_length(name) between 1 and 200),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now());
  create index companies_tenant_idx on companies (tenant_id);

  create table users (
    id uuid primary key default parley_uuidv7(),
    company_id uuid not null references companies (id),
    tenant_id uuid generated always as (company_id) stored,
    user_email text not null check (char_length(user_email) between 3 and 320),
    display_name text not null check (char_length(display_name) between 1 and 200),
    role text not null check (role in ('leadership', 'csr', 'rep')),
    password_hash text,
    clerk_user_id text,
    disabled_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now());
  create unique index users_email_key on users (lower(user_email));
  create unique index users_clerk_key on users (clerk_user_id);
  create index users_tenant_idx on users (tenant_id, id);

  create table refresh_tokens (
    id uuid primary key default parley_uuidv7(),
    tenant_id uuid not null references companies (id),
    user_id uuid not null references users (id) on delete cascade,
    family_id uuid not null,
    token_hash bytea not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz not null default now());
  create unique index refresh_tokens_hash_key on refresh_tokens (token_hash);
  create index refresh_tokens_tenant_idx on refresh_tokens (tenant_id, user_id);
  create index refresh_tokens_family_idx on refresh_tokens (family_id);
  create index refresh_tokens_expiry_idx on refresh_tokens (expires_at);`

const sessions = `
  create table conversation_type (id smallint primary key, name text not null unique);
  insert into conversation_type values (1, 'Tavus'), (2, 'Eleven Labs');
  grant select on conversation_type to parley_app, parley_service;

  create table conversations_users (
    conversation_user_id uuid primary key default parley_uuidv7(),
    session_id uuid not null unique,
    user_id text not null,
    -- The token's own id of the user, when it is not user_id: a user found by email may have another one there.
    owner_user_id text,
    company_id uuid not null references companies (id),
    tenant_id uuid generated always as (company_id) stored,
    conversation_type_id smallint not null references conversation_type (id),
    external_conversation_id text not null,
    tavus_conversation_id text generated always as (case when conversation_type_id = 1 then external_conversation_id end) stored,
    mode text not null default 'plain',
    status text not null check (status in ('active', 'ending', 'completed', 'failed')),
    conversation_url text,
    lead_id text,
    created_at timestamptz not null,
    joined_at timestamptz,
    ended_at timestamptz,
    duration_seconds integer check (duration_seconds >= 0),
    end_reason text check (end_reason in ('user', 'provider', 'max_duration', 'participant_left', 'reconcile', 'error')),
    prewarm_ms integer,
    prewarm jsonb,
    start_ms integer,
    transcript jsonb,
    recording_url text,
    facts jsonb not null default '{}',
    -- What events brought, apart from the caller's metadata, which can so forge none of it.
    artefacts jsonb not null default '{}',
    announced jsonb not null default '{}',
    metadata jsonb not null default '{}',
    updated_at timestamptz not null default now());
  create unique index conversations_users_external_key on conversations_users (conversation_type_id, external_conversation_id);
  create index conversations_users_tenant_idx on conversations_users (tenant_id, created_at desc, session_id desc);
  create index conversations_users_user_idx on conversations_users (tenant_id, user_id, created_at desc, session_id desc);
  create index conversations_users_owner_idx on conversations_users (tenant_id, owner_user_id, created_at desc, session_id desc)
    where owner_user_id is not null;
  create index conversations_users_tavus_idx on conversations_users (tavus_conversation_id);
  create index conversations_users_open_idx on conversations_users (created_at) where ended_at is null;

  -- Sessions of nobody's company: no tenant, so only the service sees them. They count against ANONYMOUS_MAX_ACTIVE.
  create table untracked_sessions (
    session_id uuid primary key,
    owner_user_id text,
    external_conversation_id text,
    status text not null check (status in ('starting', 'active', 'ending', 'completed', 'failed')),
    created_at timestamptz not null default now(),
    joined_at timestamptz,
    ended_at timestamptz,
    duration_seconds integer check (duration_seconds >= 0),
    end_reason text,
    facts jsonb not null default '{}',
    updated_at timestamptz not null default now());
  create unique index untracked_sessions_external_key on untracked_sessions (external_conversation_id);
  create index untracked_sessions_open_idx on untracked_sessions (created_at) where ended_at is null;
  grant select, insert, update, delete on untracked_sessions to parley_service;`

const webhooks = `
  create table webhook_receipts (
    id uuid primary key default parley_uuidv7(),
    delivery_key text not null check (char_length(delivery_key) between 3 and 900),
    provider text not null,
    kind text not null,
    external_id text not null,
    tenant_id uuid references companies (id),
    session_id uuid,
    status text not null check (status in ('received', 'processed', 'waiting', 'unmatched', 'failed')),
    -- Nobody's workflow has it: the drain takes it.
    drain boolean not null default false,
    source text not null default 'delivery' check (source in ('delivery', 'reconcile', 'spool')),
    payload bytea not null,
    headers jsonb not null default '{}',
    received_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    first_processed_at timestamptz,
    attempts integer not null default 1,
    tries integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    -- Since when its session is looked for.
    waiting_since timestamptz,
    signal jsonb,
    signal_pending boolean not null default false,
    error text,
    error_side text check (error_side in ('ours', 'theirs')),
    workflow_id text);
  -- A failed receipt releases its key, so that the provider's next delivery or a replay can succeed.
  create unique index webhook_receipts_delivery_key on webhook_receipts (delivery_key) where status <> 'failed';
  create index webhook_receipts_tenant_idx on webhook_receipts (tenant_id, received_at desc);
  create index webhook_receipts_open_idx on webhook_receipts (next_attempt_at) where status in ('received', 'waiting');
  create index webhook_receipts_signal_idx on webhook_receipts (first_processed_at) where signal_pending;
  create index webhook_receipts_age_idx on webhook_receipts (received_at);
  create index webhook_receipts_external_idx on webhook_receipts (provider, external_id);`

// Whoever reads in order of id must never see a lower one appear later: entries of one tenant are numbered under a lock
// that is held until the commit.
const events = `
  create sequence event_logs_id_seq as bigint;
  create table event_logs (
    id bigint not null default nextval('event_logs_id_seq'),
    tenant_id uuid not null references companies (id),
    event text not null,
    severity text not null default 'info' check (severity in ('info', 'warning', 'error')),
    user_id text,
    lead_id text,
    session_id uuid,
    trace_id text,
    data jsonb not null default '{}',
    ts timestamptz not null default clock_timestamp(),
    primary key (id, ts)) partition by range (ts);
  create index event_logs_tenant_idx on event_logs (tenant_id, id);
  create index event_logs_session_idx on event_logs (session_id, id);
  create table event_logs_default partition of event_logs default;
  grant usage on sequence event_logs_id_seq to parley_app, parley_service;

  -- Partitions of this month and the next: at the start of each process and daily; the default one catches what is left.
  -- The zone is set because a month added in local time would shift the boundary where clocks change.
  create function parley_ensure_event_partitions() returns void language plpgsql security definer
    set search_path = public, pg_temp set timezone = 'UTC' as $$
  declare month timestamptz; name text;
  begin
    for i in 0..1 loop
      month := date_trunc('month', now()) + make_interval(months => i);
      name := 'event_logs_' || to_char(month, 'YYYY_MM');
      continue when to_regclass('public.' || name) is not null;
      begin
        execute format('create table %I partition of event_logs for values from (%L) to (%L)', name, month, month + interval '1 month');
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
      exception when duplicate_table or unique_violation or check_violation then null; -- another process was first, or the default holds rows of it
      end;
    end loop;
  end $$;
  revoke all on function parley_ensure_event_partitions() from public;
  grant execute on function parley_ensure_event_partitions() to parley_service;`

const ownRow = `user_id = ${user} or ${role} = 'leadership'`

export async function up(knex: Knex): Promise<void> {
  await knex.raw(roles)
  await knex.raw('grant usage on schema public to parley_app, parley_service')
  for (const part of [uuidv7, identity, sessions, webhooks, events]) await knex.raw(part)
  for (const [table, rows] of [
    ['companies', 'true'],
    ['users', 'true'],
    ['refresh_tokens', `user_id::text = ${user}`],
    ['conversations_users', `${ownRow} or owner_user_id = ${user}`],
    ['webhook_receipts', `${role} = 'leadership'`],
    ['event_logs', ownRow],
  ] as const)
    await knex.raw(policies(table, rows))
  await knex.raw(
    'alter table event_logs_default enable row level security; alter table event_logs_default force row level security',
  )
  await knex.raw('select parley_ensure_event_partitions()')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function if exists parley_ensure_event_partitions();
    drop table if exists event_logs, webhook_receipts, untracked_sessions, conversations_users, conversation_type,
      refresh_tokens, users, companies cascade;
    drop sequence if exists event_logs_id_seq;
    drop function if exists parley_uuidv7();
    revoke usage on schema public from parley_app, parley_service`)
  // The roles stay: other databases of the cluster may use them.
}
