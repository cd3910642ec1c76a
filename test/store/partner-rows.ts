import { randomUUID } from 'node:crypto'
import type { World } from './world.js'

type Admin = Pick<World, 'admin'>

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
