/** A table with rows of tenants, as PostgreSQL's catalogue has it; a new one is found by itself. */
export interface TenantTable {
  name: string
  oid: number
  partition: boolean
  enabled: boolean
  forced: boolean
  /** The column that the tenant's is made of. */
  source: string
}

export const tenantTables = `
  select c.relname as name, c.oid::int, c.relispartition as partition, c.relrowsecurity as enabled,
    c.relforcerowsecurity as forced,
    case when a.attgenerated = '' then 'tenant_id' when c.relname = 'companies' then 'id' else 'company_id' end as source
  from pg_class c join pg_attribute a on a.attrelid = c.oid
  where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and a.attname = 'tenant_id' and not a.attisdropped
  order by 1`

/** Tables that the stores themselves fill in the tests of isolation. */
export const storedTables = [
  'companies',
  'conversations_users',
  'daily_sessions',
  'event_logs',
  'mentor_conversations',
  'refresh_tokens',
  'users',
]

/** One row of a tenant for every other table; a new table is one line. Bindings: tenantId, userId, and key, which is random. */
export const rowsOfTenant: Record<string, string> = {
  call_logs: `insert into call_logs (company_id, provider, external_id, user_id, status)
    values (:tenantId, 'twilio', :key, :userId, 'ringing')`,
  livekit_call_events: `insert into livekit_call_events ("eventId", event, "createdAt", tenant_id)
    values (:key, 'room_started', now(), :tenantId)`,
  messages: `insert into messages (tenant_id, provider, external_id, direction, from_number, to_number, status, status_rank)
    values (:tenantId, 'twilio', :key, 'inbound', '+15005550010', '+15005550006', 'received', 5)`,
  api_keys: `insert into api_keys (tenant_id, name, role, scopes, prefix, key_hash, created_by, expires_at)
    values (:tenantId, 'import', 'csr', '{calls:read}', 'plk_abcdefgh', sha256(:key::bytea), :userId, now() + interval '1 day')`,
  documents: `insert into documents (tenant_id, name) values (:tenantId, :key)`,
  leads: `insert into leads (tenant_id, name, owner_user_id) values (:tenantId, :key, :userId)`,
  appointments: `insert into appointments (tenant_id, title, owner_user_id, starts_at, ends_at)
    values (:tenantId, :key, :userId, now(), now() + interval '1 hour')`,
  tasks: `insert into tasks (tenant_id, title, owner_user_id) values (:tenantId, :key, :userId)`,
  profiles: `insert into profiles (tenant_id, user_id, about) values (:tenantId, :userId, :key)`,
  onboarding_profiles: `insert into onboarding_profiles (tenant_id, user_id, enneagram_type) values (:tenantId, :userId, 9)`,
  ritual_preferences: `insert into ritual_preferences (tenant_id, user_id, opening) values (:tenantId, :userId, :key)`,
  user_emotional_categories: `insert into user_emotional_categories (tenant_id, user_id, position, category)
    values (:tenantId, :userId, 0, :key)`,
  user_goals: `insert into user_goals (tenant_id, user_id, title) values (:tenantId, :userId, :key)`,
  mentor_avatars: `insert into mentor_avatars (tenant_id, name) values (:tenantId, :key)`,
  user_personas: `insert into user_personas (tenant_id, user_id, persona_id) values (:tenantId, :userId, :key)`,
  follow_ups: `insert into follow_ups (id, tenant_id, lead_id, channel, to_number, body, request_hash, created_by)
    select md5(:key)::uuid, tenant_id, id, 'sms', '+14155552671', :key, 'hash', :userId from leads where tenant_id = :tenantId limit 1`,
  quiet_hours: `insert into quiet_hours (tenant_id, quiet_from, quiet_to) values (:tenantId, '22:00', '07:00')`,
  uwc_jobs: `insert into uwc_jobs (tenant_id, kind, job_id, status) values (:tenantId, 'asr', :key, 'queued')`,
  transcripts: `insert into transcripts (tenant_id, call_id, job_id) values (:tenantId, :key, 'job')`,
  ws_tickets: `insert into ws_tickets (tenant_id, user_id, role, ticket_hash, expires_at)
    values (:tenantId, :userId, 'leadership', decode(md5(:key), 'hex'), now() + interval '1 hour')`,
  kept_answers: `insert into kept_answers (tenant_id, user_id, request_key, digest)
    values (:tenantId, :userId, :key, sha256(:key::bytea))`,
  analytics_calendars: `insert into analytics_calendars (tenant_id, named, timezone) values (:tenantId, 'UTC', 'UTC')
    on conflict do nothing`,
  analytics_session_changes: `insert into analytics_session_changes (tenant_id, n, created_at, type_id, user_id, outcome, prewarmed)
    values (:tenantId, 1, now(), 1, :userId, 'open', 'skipped')`,
  analytics_call_changes: `insert into analytics_call_changes (tenant_id, n, created_at, outcome, seconds)
    values (:tenantId, 1, now(), 'open', 0)`,
  analytics_sessions: `insert into analytics_sessions (tenant_id, grain, date, type_id, prewarmed, conversations, succeeded, failed,
    abandoned, seconds) values (:tenantId, 'day', '2026-03-01', 1, :key, 1, 1, 0, 0, 60)`,
  analytics_histograms: `insert into analytics_histograms (tenant_id, metric, grain, date, type_id, prewarmed, bins)
    values (:tenantId, 'start', 'day', '2026-03-01', 1, :key, '{4294967297}')`,
  analytics_users: `insert into analytics_users (tenant_id, month, user_id, conversations, seconds)
    values (:tenantId, '2026-03-01', :key, 1, 60)`,
  analytics_calls: `insert into analytics_calls (tenant_id, date, outcome, calls, seconds)
    values (:tenantId, '2026-03-01', :key, 1, 60)`,
  analytics_recaps: `insert into analytics_recaps (tenant_id, date, timezone, recap)
    values (:tenantId, date '2000-01-01' + (random() * 30000)::integer, 'UTC', '{}')`,
  integrations: `insert into integrations (tenant_id, provider, account) values (:tenantId, 'twilio', :key)`,
  webhook_receipts: `insert into webhook_receipts (delivery_key, provider, kind, external_id, tenant_id, status, payload)
    values ('tavus/' || :key, 'tavus', 'system.shutdown', 'c1', :tenantId, 'processed', '\\x01')`,
}
