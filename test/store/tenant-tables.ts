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
export const storedTables = ['companies', 'conversations_users', 'event_logs', 'refresh_tokens', 'users']

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
  follow_ups: `insert into follow_ups (id, tenant_id, lead_id, channel, to_number, body, request_hash, created_by)
    select md5(:key)::uuid, tenant_id, id, 'sms', '+14155552671', :key, 'hash', :userId from leads where tenant_id = :tenantId limit 1`,
  quiet_hours: `insert into quiet_hours (tenant_id, quiet_from, quiet_to) values (:tenantId, '22:00', '07:00')`,
  uwc_jobs: `insert into uwc_jobs (tenant_id, kind, job_id, status) values (:tenantId, 'asr', :key, 'queued')`,
  transcripts: `insert into transcripts (tenant_id, call_id, job_id) values (:tenantId, :key, 'job')`,
  ws_tickets: `insert into ws_tickets (tenant_id, user_id, role, ticket_hash, expires_at)
    values (:tenantId, :userId, 'leadership', decode(md5(:key), 'hex'), now() + interval '1 hour')`,
  integrations: `insert into integrations (tenant_id, provider, account) values (:tenantId, 'twilio', :key)`,
  webhook_receipts: `insert into webhook_receipts (delivery_key, provider, kind, external_id, tenant_id, status, payload)
    values ('tavus/' || :key, 'tavus', 'system.shutdown', 'c1', :tenantId, 'processed', '\\x01')`,
}
