import type { Knex } from 'knex'
import { policies, role, ruledPolicies, user } from './row-security.js'

// Old code survives this migration: what it writes finds a default in every new column, and its reads find what they did.

/** Lower case in order of code points, so that a prefix is a range of an index; policies do not let lower() itself search one. */
const lowered = (column: string) => `text collate "C" generated always as (lower(${column})) stored`

/** As the stores sort: policies trust a case, and so let it search an index, but not coalesce. */
const lastWhenNull = (column: string) => `case when ${column} is null then 'infinity'::timestamptz else ${column} end`

const people = `
  alter table companies add column timezone text not null default 'UTC' check (char_length(timezone) between 1 and 64);
  alter table users add column name_key ${lowered('display_name')}, add column email_key ${lowered('user_email')};
  drop index users_tenant_idx;
  create unique index users_tenant_key on users (tenant_id, id);
  create index users_created_idx on users (tenant_id, created_at, id);
  create index users_name_idx on users (tenant_id, name_key, id);
  create index users_email_idx on users (tenant_id, email_key);
  create index users_role_idx on users (tenant_id, role, created_at, id);
  create index users_disabled_idx on users (tenant_id, name_key, id) where disabled_at is not null;`

/** Whether policies bind the tables' owner as well, who runs this: they would hide from it the rows that it mends. */
const forced = (word: 'force' | 'no force') =>
  ['users', 'leads', 'messages'].map((table) => `alter table ${table} ${word} row level security;`).join(' ')

// The owner of a lead is a user of the lead's company: what was otherwise is nobody's from now on.
const leads = `
  update leads l set owner_user_id = null where owner_user_id is not null
    and not exists (select from users u where u.id = l.owner_user_id and u.tenant_id = l.tenant_id);
  alter table leads
    add column status text not null default 'new' check (status in ('new', 'contacted', 'qualified', 'won', 'lost')),
    -- E.164, and lower case: as calls, messages and filters name them.
    add column phone text check (char_length(phone) <= 20),
    add column email text check (char_length(email) <= 320),
    add column source text check (char_length(source) <= 200),
    add column notes text check (char_length(notes) <= 5000),
    add column name_key ${lowered('name')},
    drop constraint leads_owner_user_id_fkey,
    add constraint leads_owner_fkey foreign key (tenant_id, owner_user_id) references users (tenant_id, id)
      on delete set null (owner_user_id);
  drop index leads_owner_idx;
  create unique index leads_tenant_key on leads (tenant_id, id);
  create index leads_owner_idx on leads (tenant_id, owner_user_id, created_at, id);
  create index leads_created_idx on leads (tenant_id, created_at, id);
  create index leads_updated_idx on leads (tenant_id, updated_at, id);
  create index leads_name_idx on leads (tenant_id, name_key, id);
  create index leads_status_idx on leads (tenant_id, status, created_at, id);
  create index leads_phone_idx on leads (tenant_id, phone, created_at) where phone is not null;
  create index leads_email_idx on leads (tenant_id, email) where email is not null;`

/** Keys that hold the tenant as well: neither a lead nor an owner can be another company's. */
const ties = `
  foreign key (tenant_id, lead_id) references leads (tenant_id, id) on delete set null (lead_id),
  foreign key (tenant_id, owner_user_id) references users (tenant_id, id) on delete set null (owner_user_id)`

const uuidText = `'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'`

const appointments = `
  create table appointments (
    id uuid primary key default parley_uuidv7(),
    tenant_id uuid not null references companies (id),
    owner_user_id uuid,
    lead_id uuid,
    title text not null check (char_length(title) between 1 and 200),
    status text not null default 'scheduled'
      check (status in ('scheduled', 'confirmed', 'completed', 'cancelled', 'no_show')),
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    location text check (char_length(location) <= 500),
    notes text check (char_length(notes) <= 5000),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    ${ties});
  create index appointments_start_idx on appointments (tenant_id, starts_at, id);
  create index appointments_created_idx on appointments (tenant_id, created_at, id);
  create index appointments_owner_idx on appointments (tenant_id, owner_user_id, starts_at, id);
  create index appointments_status_idx on appointments (tenant_id, status, starts_at, id);
  create index appointments_lead_idx on appointments (tenant_id, lead_id, starts_at, id) where lead_id is not null;`

const tasks = `
  create table tasks (
    id uuid primary key default parley_uuidv7(),
    tenant_id uuid not null references companies (id),
    owner_user_id uuid,
    lead_id uuid,
    title text not null check (char_length(title) between 1 and 200),
    status text not null default 'open' check (status in ('open', 'in_progress', 'done', 'cancelled')),
    due_at timestamptz,
    completed_at timestamptz,
    notes text check (char_length(notes) <= 5000),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((completed_at is not null) = (status = 'done')),
    ${ties});
  create index tasks_created_idx on tasks (tenant_id, created_at, id);
  -- One that is never due is due last.
  create index tasks_due_idx on tasks (tenant_id, (${lastWhenNull('due_at')}), id);
  create index tasks_owner_idx on tasks (tenant_id, owner_user_id, created_at, id);
  create index tasks_owner_due_idx on tasks (tenant_id, owner_user_id, (${lastWhenNull('due_at')}), id);
  create index tasks_status_idx on tasks (tenant_id, status, created_at, id);
  create index tasks_lead_idx on tasks (tenant_id, lead_id, created_at, id) where lead_id is not null;`

// Few, for webhooks write here: what most calls have in common needs no index of its own.
const history = `
  -- Nothing has written it so far.
  alter table messages alter column lead_id type uuid using case when lead_id ~* ${uuidText} then lead_id::uuid end;
  update messages m set lead_id = null where lead_id is not null
    and not exists (select from leads l where l.id = m.lead_id and l.tenant_id = m.tenant_id);
  alter table messages add constraint messages_lead_fkey foreign key (tenant_id, lead_id)
    references leads (tenant_id, id) on delete set null (lead_id);
  create index call_logs_started_idx on call_logs (tenant_id, (${lastWhenNull('started_at')}), id);
  create index call_logs_outcome_idx on call_logs (tenant_id, outcome, created_at, id) where outcome <> 'completed';
  create index call_logs_live_idx on call_logs (tenant_id, status, created_at, id) where status <> 'ended';
  create index messages_from_idx on messages (tenant_id, from_number, created_at, id);
  create index messages_to_idx on messages (tenant_id, to_number, created_at, id);
  create index event_logs_user_idx on event_logs (tenant_id, user_id, id) where user_id is not null;
  create index event_logs_lead_idx on event_logs (tenant_id, lead_id, id) where lead_id is not null;`

const leadership = `${role} = 'leadership'`
const office = `${role} in ('leadership', 'csr')`
const own = `owner_user_id::text = ${user}`
/** Whether the actor sees the lead, which the policy of leads says. One row by its key: in (…) would read every lead. */
const seesLead = (id: string) => `(select true from leads l where l.id = ${id})`

const ownEvents = `user_id = ${user} or ${leadership}`
/** What happened to a lead is seen by whoever sees the lead; conversations and tasks stay their owner's. */
const leadEvents = `lead_id is not null and session_id is null and event not like 'task.%' and (${role} = 'csr'
  or ${seesLead(`case when lead_id ~* ${uuidText} then lead_id::uuid end`)})`

const inTenant = (rows: string) => `tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid and (${rows})`

export async function up(knex: Knex): Promise<void> {
  for (const part of [forced('no force'), people, leads, appointments, tasks, history, forced('force')])
    await knex.raw(part)
  for (const table of ['appointments', 'tasks']) await knex.raw(policies(table))
  for (const [table, rules] of [
    ['companies', { read: 'true', add: 'false', change: leadership, remove: 'false' }],
    ['users', { read: 'true', add: leadership, change: leadership, remove: 'false' }],
    ['leads', { read: `${own} or ${office}`, remove: office }],
    ['appointments', { read: `${own} or ${office}`, remove: office }],
    ['tasks', { read: `${own} or ${leadership}` }],
  ] as const)
    await knex.raw(ruledPolicies(table, rules))
  await knex.raw(`
    alter policy messages_tenant on messages using (${inTenant(`${office} or ${seesLead('lead_id')}`)});
    alter policy event_logs_tenant on event_logs using (${inTenant(`${ownEvents} or (${leadEvents})`)})
      with check (${inTenant(ownEvents)})`)
}

const rules = ['read', 'add', 'change', 'remove']

/** The one policy for all commands that the table had before. */
const oneRule = (table: string, rows: string) => `
  ${rules.map((rule) => `drop policy ${table}_${rule} on ${table};`).join(' ')}
  create policy ${table}_tenant on ${table} to parley_app using (${inTenant(rows)}) with check (${inTenant(rows)});`

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table tasks, appointments;
    ${oneRule('companies', 'true')} ${oneRule('users', 'true')} ${oneRule('leads', `${own} or ${office}`)}
    alter policy messages_tenant on messages using (${inTenant('true')});
    alter table messages drop constraint messages_lead_fkey;
    alter table messages alter column lead_id type text;
    alter policy event_logs_tenant on event_logs using (${inTenant(ownEvents)}) with check (${inTenant(ownEvents)});
    drop index event_logs_lead_idx, event_logs_user_idx, messages_to_idx, messages_from_idx, call_logs_live_idx,
      call_logs_outcome_idx, call_logs_started_idx, leads_owner_idx, leads_tenant_key;
    alter table leads drop constraint leads_owner_fkey, drop column name_key, drop column notes, drop column source,
      drop column email, drop column phone, drop column status;
    drop index leads_created_idx, leads_updated_idx, users_disabled_idx, users_created_idx, users_role_idx, users_tenant_key;
    alter table leads add constraint leads_owner_user_id_fkey foreign key (owner_user_id) references users (id)
      on delete set null;
    create index leads_owner_idx on leads (tenant_id, owner_user_id, id);
    alter table users drop column email_key, drop column name_key;
    create index users_tenant_idx on users (tenant_id, id);
    alter table companies drop column timezone`)
}
