import type { Knex } from 'knex'
import type { PartnerSubject } from '../domain/webhook.js'
import { cleanText } from './values.js'

/** Something that an answer of the partner names, and the company that it must belong to. */
export interface WantedSubject extends PartnerSubject {
  tenantId: string
}

const key = ({ tenantId, id }: { tenantId: string; id: string }) => JSON.stringify([tenantId, id])

/** Where the things of each type are: by our id, or by the id that they have outside. */
const places: Readonly<Record<PartnerSubject['type'], { table: string; external: string | undefined }>> = {
  call: { table: 'call_logs', external: 'external_id' },
  document: { table: 'documents', external: 'external_id' },
  rep: { table: 'users', external: undefined },
  lead: { table: 'leads', external: 'external_id' },
}

/** Our ids of what the companies own, in the order asked for; undefined for what is not theirs. One trip for each type. */
export async function findSubjects(
  trx: Knex.Transaction,
  wanted: readonly WantedSubject[],
): Promise<(string | undefined)[]> {
  const found = new Map<PartnerSubject['type'], Map<string, string>>()
  for (const type of new Set(wanted.map((one) => one.type)))
    found.set(
      type,
      await findOfType(
        trx,
        type,
        wanted.filter((one) => one.type === type),
      ),
    )
  return wanted.map((one) => found.get(one.type)?.get(key(one)))
}

/** The only place that knows the columns of call_logs, documents, users and leads. */
async function findOfType(
  trx: Knex.Transaction,
  type: PartnerSubject['type'],
  wanted: readonly WantedSubject[],
): Promise<Map<string, string>> {
  const { table, external } = places[type]
  const byExternal =
    external === undefined
      ? ''
      : `union all select w.id, w.tenant_id, t.id from wanted w join ${table} t on t.tenant_id = w.tenant_id and t.${external} = w.id`
  const { rows } = await trx.raw<{ rows: { id: string; tenantId: string; ours: string }[] }>(
    `with wanted as materialized (select * from unnest(?::uuid[], ?::text[]) as w (tenant_id, id))
     select id, tenant_id as "tenantId", ours from (
       select w.id, w.tenant_id, t.id as ours from wanted w join ${table} t on t.tenant_id = w.tenant_id
         and t.id = case when w.id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then w.id::uuid end
       ${byExternal}) as owned`,
    [wanted.map(({ tenantId }) => tenantId), wanted.map(({ id }) => cleanText(id))] as Knex.RawBinding[],
  )
  // Our own ids came first: nobody can hide a row of ours behind an outside id.
  const ids = new Map<string, string>()
  for (const { ours, ...row } of rows) if (!ids.has(key(row))) ids.set(key(row), ours)
  return ids
}
