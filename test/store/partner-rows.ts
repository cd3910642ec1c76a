import { randomUUID } from 'node:crypto'
import type { World } from './world.js'

type Admin = Pick<World, 'admin'>

/** The table of calls, where its migration is not there yet: as much of it as ownership is asked of. */
export async function ensureCallLogs({ admin }: Admin): Promise<void> {
  await admin(`
    create table if not exists call_logs (id uuid primary key default gen_random_uuid(), tenant_id uuid not null,
      provider text not null, external_id text not null)`)
  await admin('grant select on call_logs to parley_service')
}

const idOf = ([row]: { id: string }[]) => row?.id ?? ''

/** A call of the company. */
export async function callOf({ admin }: Admin, tenantId: string, externalId: string = randomUUID()): Promise<string> {
  return idOf(
    await admin(
      `insert into call_logs (company_id, provider, external_id, status) values ($1, 'twilio', $2, 'ended') returning id`,
      [tenantId, externalId],
    ),
  )
}

/** A document of the company. */
export const documentOf = async ({ admin }: Admin, tenantId: string): Promise<string> =>
  idOf(await admin(`insert into documents (tenant_id, name) values ($1, 'Price list') returning id`, [tenantId]))

/** A lead of the company. */
export const leadOf = async ({ admin }: Admin, tenantId: string, externalId: string = randomUUID()): Promise<string> =>
  idOf(
    await admin(`insert into leads (tenant_id, external_id, name) values ($1, $2, 'Grace Hopper') returning id`, [
      tenantId,
      externalId,
    ]),
  )

/** One row of the company in every table of the mirror and of the partner's work. */
export async function fillPartnerTables(world: Admin, tenantId: string): Promise<void> {
  await world.admin(`insert into integrations (tenant_id, provider, account) values ($1, 'clerk', $2)`, [
    tenantId,
    randomUUID(),
  ])
  await documentOf(world, tenantId)
  await leadOf(world, tenantId)
  await world.admin(`insert into uwc_jobs (tenant_id, kind, job_id, status) values ($1, 'rag', 'j1', 'queued')`, [
    tenantId,
  ])
  await world.admin('insert into transcripts (tenant_id, call_id) values ($1, $2)', [tenantId, randomUUID()])
}
