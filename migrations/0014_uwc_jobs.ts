import type { Knex } from 'knex'
import { setAside } from './kept-rows.js'
import { role, tenant, user } from './row-security.js'

// Old code survives this migration: it writes jobs that the partner names, and every new column has a default for those.

/** Who asked for a job; a partner's is one that nobody here asked for. */
const origins = `'partner', 'api', 'recording', 'transcript', 'follow_up'`

const jobs = `
  alter table uwc_jobs
    -- Not known before the partner has answered.
    alter column job_id drop not null,
    drop constraint uwc_jobs_status_check,
    add constraint uwc_jobs_status_check check (status in ('queued', 'running', 'failed', 'timed_out', 'completed')),
    add column origin text not null default 'partner' check (origin in (${origins})),
    -- Who asked, as the token has it.
    add column user_id text check (char_length(user_id) <= 200),
    add column request_hash text check (char_length(request_hash) <= 100),
    -- What is sent; nothing once the job is over.
    add column request jsonb,
    -- What an answer is expected about, [{type, id}] under our ids.
    add column subjects jsonb not null default '[]',
    -- The best that was told of each of them, and under '' of all: the columns above are folded from it.
    add column parts jsonb not null default '{}',
    -- Why it ended without the partner.
    add column error text check (char_length(error) <= 100),
    add column error_detail text check (char_length(error_detail) <= 1000),
    -- When its workflow was started, and when the partner took it.
    add column started_at timestamptz,
    add column submitted_at timestamptz,
    add constraint uwc_jobs_named check (job_id is not null or (origin <> 'partner' and request_id is not null));
  create unique index uwc_jobs_own_key on uwc_jobs (tenant_id, kind, request_id) where origin <> 'partner';
  create index uwc_jobs_created_idx on uwc_jobs (tenant_id, created_at, id);
  create index uwc_jobs_subject_idx on uwc_jobs (tenant_id, subject_type, subject_id, kind, created_at, id);
  create index uwc_jobs_open_idx on uwc_jobs (started_at nulls first, id)
    where origin <> 'partner' and status in ('queued', 'running');`

const office = `${role} in ('leadership', 'csr')`
const ofRep = `(subject_type = 'rep' and subject_id::text = ${user})`

/** Policies for what the application may reach of the table, beside the tenant's border. */
const reached = (rows: string) => `
  drop policy uwc_jobs_tenant on uwc_jobs;
  create policy uwc_jobs_tenant on uwc_jobs to parley_app
    using (tenant_id = ${tenant} and (${rows})) with check (tenant_id = ${tenant} and (${rows}));`

export async function up(knex: Knex): Promise<void> {
  await knex.raw(jobs)
  // Whoever asked for a job may see what came of it.
  await knex.raw(reached(`${ofRep} or user_id = ${user} or ${office}`))
}

export async function down(knex: Knex): Promise<void> {
  // The older code knows only jobs that the partner has named, and no time that ran out.
  await setAside(knex, '0014_uwc_jobs', 'uwc_jobs', `job_id is null or status = 'timed_out'`)
  await knex.raw(reached(`${ofRep} or ${office}`))
  await knex.raw(`
    drop index uwc_jobs_open_idx, uwc_jobs_subject_idx, uwc_jobs_created_idx, uwc_jobs_own_key;
    alter table uwc_jobs
      drop constraint uwc_jobs_named, drop constraint uwc_jobs_status_check,
      drop column submitted_at, drop column started_at, drop column error_detail, drop column error, drop column parts,
      drop column subjects, drop column request, drop column request_hash, drop column user_id, drop column origin,
      alter column job_id set not null,
      add constraint uwc_jobs_status_check check (status in ('queued', 'running', 'failed', 'completed'))`)
}
