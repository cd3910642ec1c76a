import type { Knex } from 'knex'
import { dropFunctions, functionRights, functions } from './analytics-functions.js'
import { addCalls, addSessions, allCalls, allSessions } from './analytics-sums.js'
import { tableNames, tableRights, tables } from './analytics-tables.js'
import { dropTriggers, triggers } from './analytics-triggers.js'
import { dropViews, views } from './analytics-views.js'

// Old code survives this migration: what it writes is noted by triggers, and it reads none of the new tables.

/** Whose rows are counted; policies bind the tables' owner as well, who runs this. */
const counted = ['companies', 'conversations_users', 'call_logs']
const forced = (word: 'force' | 'no force') =>
  counted.map((table) => `alter table ${table} ${word} row level security;`).join(' ')

const calendars = `insert into analytics_calendars (tenant_id, named, timezone)
  select id, timezone, parley_timezone(timezone) from companies`

/** What the ML partner made of a call is found by the call. */
const analyses = `create index uwc_jobs_analysis_idx on uwc_jobs (tenant_id, subject_id)
  where kind = 'analysis' and subject_type = 'call'`

/**
 * With what is asked of the days at the edges of months: whose conversation it was, and how long. The columns that policies look
 * at are in it too, or each row would be fetched for them.
 */
const indexes = (ofTenant: string, ofUser: string) => `
  drop index conversations_users_tenant_idx, conversations_users_user_idx;
  create index conversations_users_tenant_idx on conversations_users (tenant_id, created_at desc, session_id desc) ${ofTenant};
  create index conversations_users_user_idx
    on conversations_users (tenant_id, user_id, created_at desc, session_id desc) ${ofUser};`
const covering = indexes('include (user_id, owner_user_id, duration_seconds, ended_at)', 'include (owner_user_id)')
const plain = indexes('', '')

export async function up(knex: Knex): Promise<void> {
  await knex.raw(functions + functionRights + tables)
  // What is there is counted once, while nobody writes; from the commit on the triggers note what comes.
  await knex.raw(`lock table conversations_users, call_logs in share row exclusive mode; ${forced('no force')}`)
  await knex.raw(calendars)
  await knex.raw(addSessions(allSessions()))
  await knex.raw(addCalls(allCalls()))
  await knex.raw(forced('force') + tableRights + triggers + views)
  await knex.raw(covering + analyses)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`drop index uwc_jobs_analysis_idx; ${plain} ${dropViews} ${dropTriggers}`)
  await knex.raw(`drop table ${tableNames.join(', ')}`)
  await knex.raw(dropFunctions)
}
