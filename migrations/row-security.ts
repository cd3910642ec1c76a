/** The tenant, user and role of the transaction, as policies read them. */
export const tenant = `nullif(current_setting('app.tenant_id', true), '')::uuid`
export const user = `nullif(current_setting('app.user_id', true), '')`
export const role = `nullif(current_setting('app.role', true), '')`

/**
 * Forced row-level security: the tenant's rows for the application, everything for the service until it knows the tenant.
 * A row of no tenant, such as a receipt whose session is not known yet, stays the service's.
 */
export const policies = (table: string, rows = 'true') => `
  alter table ${table} enable row level security;
  alter table ${table} force row level security;
  create policy ${table}_tenant on ${table} to parley_app
    using (tenant_id = ${tenant} and (${rows})) with check (tenant_id = ${tenant} and (${rows}));
  create policy ${table}_service on ${table} to parley_service
    using (${tenant} is null or tenant_id is null or tenant_id = ${tenant})
    with check (${tenant} is null or tenant_id is null or tenant_id = ${tenant});
  grant select, insert, update, delete on ${table} to parley_app, parley_service;`

/** What the application may do to which rows of its tenant, beside the tenant's border: `add` and `change` as read unless said. */
interface Rules {
  read: string
  add?: string
  change?: string
  remove?: string
}

/**
 * A policy for each command in the place of the one that `policies` made. A row is changed from and into what may be
 * changed, so that nobody takes what is another's, nor gives away what is the own.
 */
export const ruledPolicies = (table: string, { read, add = read, change = read, remove = read }: Rules) => `
  drop policy ${table}_tenant on ${table};
  create policy ${table}_read on ${table} for select to parley_app using (tenant_id = ${tenant} and (${read}));
  create policy ${table}_add on ${table} for insert to parley_app with check (tenant_id = ${tenant} and (${add}));
  create policy ${table}_change on ${table} for update to parley_app
    using (tenant_id = ${tenant} and (${change})) with check (tenant_id = ${tenant} and (${change}));
  create policy ${table}_remove on ${table} for delete to parley_app using (tenant_id = ${tenant} and (${remove}));`
