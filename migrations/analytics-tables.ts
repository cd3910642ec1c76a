import { policies, role, ruledPolicies } from './row-security.js'

/** How a table's comment begins whose rows follow from other tables: they are made anew, never kept. */
export const computed = 'computed'

const sums = `
  conversations bigint not null,
  succeeded bigint not null,
  failed bigint not null,
  abandoned bigint not null,
  seconds bigint not null`

export const tables = `
  create table analytics_calendars (
    tenant_id uuid primary key references companies (id),
    -- As the company names its zone, and the zone by which its days are counted: UTC for a name that nobody knows.
    named text not null,
    timezone text not null,
    -- The zone to which its days are being moved, and up to where they have been.
    next_timezone text,
    moved_to timestamptz not null default '-infinity',
    -- Hour and zone of the schedule of its daily recap.
    recap_schedule text,
    since timestamptz not null default now());

  create table analytics_session_changes (
    tenant_id uuid not null references companies (id),
    id bigint generated always as identity,
    n integer not null,
    created_at timestamptz not null,
    type_id smallint not null,
    user_id text not null,
    outcome text not null,
    prewarmed text not null,
    duration_seconds integer,
    prewarm_ms integer,
    start_ms integer,
    join_ms integer,
    primary key (tenant_id, id));

  create table analytics_call_changes (
    tenant_id uuid not null references companies (id),
    id bigint generated always as identity,
    n integer not null,
    created_at timestamptz not null,
    outcome text not null,
    seconds bigint not null,
    primary key (tenant_id, id));

  create table analytics_sessions (
    tenant_id uuid not null references companies (id),
    grain text not null check (grain in ('day', 'month')),
    date date not null,
    type_id smallint not null,
    prewarmed text not null,${sums},
    primary key (tenant_id, grain, date, type_id, prewarmed));

  create table analytics_histograms (
    tenant_id uuid not null references companies (id),
    metric text not null check (metric in ('prewarm', 'start', 'join', 'duration')),
    grain text not null check (grain in ('day', 'month')),
    date date not null,
    type_id smallint not null,
    prewarmed text not null,
    bins bigint[] not null,
    primary key (tenant_id, metric, grain, date, type_id, prewarmed));

  create table analytics_users (
    tenant_id uuid not null references companies (id),
    month date not null,
    user_id text not null,
    conversations bigint not null,
    seconds bigint not null,
    primary key (tenant_id, month, user_id));

  create table analytics_calls (
    tenant_id uuid not null references companies (id),
    date date not null,
    outcome text not null,
    calls bigint not null,
    seconds bigint not null,
    primary key (tenant_id, date, outcome));

  create table analytics_recaps (
    tenant_id uuid not null references companies (id),
    date date not null,
    timezone text not null,
    recap jsonb not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, date));`

const leadership = `${role} = 'leadership'`
const office = `${role} in ('leadership', 'csr')`
const no = 'false'

/** Who of a company reads each table. Only background work writes them, but for what triggers note in everybody's transactions. */
const rules: Readonly<Record<string, { read: string; add: string }>> = {
  analytics_calendars: { read: 'true', add: no },
  analytics_session_changes: { read: leadership, add: 'true' },
  analytics_call_changes: { read: office, add: 'true' },
  analytics_sessions: { read: leadership, add: no },
  analytics_histograms: { read: leadership, add: no },
  analytics_users: { read: leadership, add: no },
  analytics_calls: { read: office, add: no },
  analytics_recaps: { read: leadership, add: no },
}

export const tableNames = Object.keys(rules)

const comments = tableNames
  .filter((table) => table !== 'analytics_recaps')
  .map((table) => `comment on table ${table} is '${computed} from conversations, calls and companies';`)

export const tableRights = [
  ...Object.entries(rules).map(
    ([table, rule]) => policies(table) + ruledPolicies(table, { ...rule, change: no, remove: no }),
  ),
  ...comments,
].join('\n')
