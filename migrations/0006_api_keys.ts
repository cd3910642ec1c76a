import type { Knex } from 'knex'
import { policies, role } from './row-security.js'

// Old code survives this migration: it knows nothing of the new table.

// Only the digest of a key is kept: whoever reads the table can call with none of them.
const keys = `
  create table api_keys (
    id uuid primary key default parley_uuidv7(),
    tenant_id uuid not null references companies (id),
    name text not null check (char_length(name) between 1 and 100),
    role text not null check (role in ('leadership', 'csr', 'rep')),
    scopes text[] not null check (cardinality(scopes) between 1 and 100),
    -- The key's beginning, by which people recognise it.
    prefix text not null check (char_length(prefix) between 4 and 20),
    key_hash bytea not null check (octet_length(key_hash) = 32),
    created_by text not null check (char_length(created_by) between 1 and 320),
    expires_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz not null default now());
  create unique index api_keys_hash_key on api_keys (key_hash);
  create index api_keys_tenant_idx on api_keys (tenant_id, created_at desc, id desc);`

export async function up(knex: Knex): Promise<void> {
  await knex.raw(keys)
  await knex.raw(policies('api_keys', `${role} = 'leadership'`))
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table api_keys')
}
