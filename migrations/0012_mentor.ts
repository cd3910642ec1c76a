import type { Knex } from 'knex'
import { policies, role, ruledPolicies, user } from './row-security.js'

// Old code survives this migration: the tables are new.

/** The token's own id of the user, as sessions have it: what a user wrote is found by the same token later. */
const owned = `
    tenant_id uuid not null references companies (id),
    user_id text not null check (char_length(user_id) between 1 and 320),`
const times = `
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()`
const text = (column: string, max: number) => `${column} text check (char_length(${column}) between 1 and ${max})`
const score = (column: string) => `${column} smallint check (${column} between 0 and 100)`

const context = `
  create table profiles (${owned}
    ${text('preferred_name', 100)},
    ${text('pronouns', 50)},
    ${text('occupation', 200)},
    ${text('language', 60)},
    ${text('timezone', 64)},
    ${text('about', 2000)},${times},
    primary key (tenant_id, user_id));

  create table onboarding_profiles (${owned}
    ${score('disc_dominance')},
    ${score('disc_influence')},
    ${score('disc_steadiness')},
    ${score('disc_conscientiousness')},
    enneagram_type smallint check (enneagram_type between 1 and 9),
    enneagram_wing smallint check (enneagram_wing between 1 and 9),${times},
    check (num_nulls(disc_dominance, disc_influence, disc_steadiness, disc_conscientiousness) in (0, 4)),
    -- A wing is one of the two neighbours on the circle of nine.
    check (enneagram_wing is null or (enneagram_type is not null and abs(enneagram_type - enneagram_wing) in (1, 8))),
    primary key (tenant_id, user_id));

  create table ritual_preferences (${owned}
    tone text check (tone in ('gentle', 'direct', 'playful', 'calm')),
    time_of_day text check (time_of_day in ('morning', 'midday', 'evening', 'any')),
    session_minutes smallint check (session_minutes between 1 and 120),
    ${text('opening', 300)},
    ${text('closing', 300)},
    topics_to_avoid jsonb not null default '[]' check (jsonb_typeof(topics_to_avoid) = 'array'),${times},
    primary key (tenant_id, user_id));

  create table user_emotional_categories (${owned}
    position smallint not null check (position between 0 and 19),
    category text not null check (char_length(category) between 1 and 60),
    intensity smallint check (intensity between 1 and 5),
    ${text('note', 300)},
    created_at timestamptz not null default now(),
    primary key (tenant_id, user_id, position));

  create table user_goals (
    id uuid primary key default parley_uuidv7(),${owned}
    title text not null check (char_length(title) between 1 and 200),
    ${text('description', 2000)},
    status text not null default 'active' check (status in ('active', 'paused', 'achieved', 'dropped')),
    target_date date,${times});
  create index user_goals_user_idx on user_goals (tenant_id, user_id, created_at, id);
  create index user_goals_status_idx on user_goals (tenant_id, user_id, status, created_at, id);`

const avatars = `
  create table mentor_avatars (
    id uuid primary key default parley_uuidv7(),
    tenant_id uuid not null references companies (id),
    name text not null check (char_length(name) between 1 and 200),
    ${text('description', 2000)},
    ${text('persona_id', 200)},
    ${text('replica_id', 200)},
    ${text('language', 60)},
    ${text('image_url', 2000)},
    active boolean not null default true,
    metadata jsonb not null default '{}',${times});
  create unique index mentor_avatars_tenant_key on mentor_avatars (tenant_id, id);
  create index mentor_avatars_created_idx on mentor_avatars (tenant_id, created_at, id);

  create table user_personas (${owned}
    avatar_id uuid,
    ${text('persona_id', 200)},
    ${text('replica_id', 200)},${times},
    foreign key (tenant_id, avatar_id) references mentor_avatars (tenant_id, id) on delete set null (avatar_id),
    primary key (tenant_id, user_id));
  create index user_personas_avatar_idx on user_personas (tenant_id, avatar_id) where avatar_id is not null;`

/** What a mentor session's own tables repeat of its row, for those who ask about mentoring only. */
const course = `
    start_time timestamptz not null,
    end_time timestamptz,
    duration integer check (duration >= 0),
    status text not null check (status in ('active', 'ending', 'completed', 'failed')),
    transcript jsonb,
    metadata jsonb not null default '{}',${times}`

const tracking = `
  create table mentor_conversations (
    session_id uuid primary key references conversations_users (session_id) on delete cascade,${owned}
    owner_user_id text,
    conversation_type_id smallint not null references conversation_type (id),
    conversation_id text not null,${course});
  create index mentor_conversations_user_idx on mentor_conversations (tenant_id, user_id, start_time desc);

  create table daily_sessions (
    session_id uuid primary key references conversations_users (session_id) on delete cascade,${owned}
    owner_user_id text,
    -- In the company's time zone, as it was when the session was made.
    day date not null,${course});
  create index daily_sessions_user_idx on daily_sessions (tenant_id, user_id, day desc);`

const own = `user_id = ${user}`
const leadership = `${role} = 'leadership'`
/** As sessions themselves: their user's, and leadership's. */
const ofSession = `${own} or owner_user_id = ${user} or ${leadership}`

/** Only the user: what somebody feels and wants is not the company's, whoever leads it. */
const personal = [
  'profiles',
  'onboarding_profiles',
  'ritual_preferences',
  'user_emotional_categories',
  'user_goals',
  'user_personas',
]

export async function up(knex: Knex): Promise<void> {
  for (const part of [context, avatars, tracking]) await knex.raw(part)
  for (const table of personal) await knex.raw(policies(table, own))
  await knex.raw(policies('mentor_avatars'))
  await knex.raw(
    ruledPolicies('mentor_avatars', { read: 'true', add: leadership, change: leadership, remove: leadership }),
  )
  for (const table of ['mentor_conversations', 'daily_sessions']) await knex.raw(policies(table, ofSession))
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(
    `drop table daily_sessions, mentor_conversations, user_personas, mentor_avatars, ${personal.slice(0, 5).join(', ')}`,
  )
}
