import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applicationRole } from '../../src/dev/postgres-roles.js'
import { migrateDown, migrateUp, migrationStatus } from '../../src/store/migrate.js'
import { acme, actors, borealis, createWorld, type World } from './world.js'

const name = '0007_resources'
let world: World
beforeAll(async () => (world = await createWorld()))
afterAll(() => world.close())

/** Down to just before it. */
async function down(): Promise<void> {
  while ((await migrationStatus({ url: world.test.ownerUrl })).applied.includes(name))
    await migrateDown({ url: world.test.ownerUrl })
}

describe('the migration of resources @integration', () => {
  it('goes down and up again with data in place', async () => {
    await world.admin(
      `insert into leads (tenant_id, name, owner_user_id, phone, status) values ($1, 'Grace', $2, '+14155552671', 'won')`,
      [acme, actors.acmeRep.userId],
    )
    await world.admin(`insert into tasks (tenant_id, title, lead_id) select tenant_id, 'T', id from leads`)
    await world.admin(
      `insert into messages (tenant_id, lead_id, provider, external_id, direction, from_number, to_number, status, status_rank)
       select tenant_id, id, 'twilio', 'SM1', 'inbound', phone, '+1', 'received', 1 from leads`,
    )
    await down()
    expect(await world.admin('select name, owner_user_id from leads')).toEqual([
      { name: 'Grace', owner_user_id: actors.acmeRep.userId },
    ])
    await migrateUp({ url: world.test.ownerUrl, applicationRole })
    expect(
      await world.admin(`select l.name, l.status, l.phone, m.lead_id = l.id as linked from leads l, messages m`),
    ).toEqual([{ name: 'Grace', status: 'new', phone: null, linked: true }])
    await world.database.assertSafeRole()
  })

  it('takes leads from owners of another company, and messages from their leads', async () => {
    await down()
    await world.admin('delete from messages')
    await world.admin('update leads set owner_user_id = $1', [actors.borealisLead.userId])
    for (const [id, lead] of [
      ['SM2', 'crm-1'],
      ['SM3', '0192a000-0000-7000-8000-00000000ffff'],
      ['SM4', null],
    ])
      await world.admin(
        `insert into messages (tenant_id, lead_id, provider, external_id, direction, from_number, to_number, status, status_rank)
         values ($1, $2, 'twilio', $3, 'inbound', '+1', '+2', 'received', 1)`,
        [borealis, lead, id],
      )
    await world.admin(
      `insert into messages (tenant_id, lead_id, provider, external_id, direction, from_number, to_number, status, status_rank)
       select $1, id::text, 'twilio', 'SM5', 'inbound', '+1', '+2', 'received', 1 from leads`,
      [borealis],
    )
    await migrateUp({ url: world.test.ownerUrl, applicationRole })
    expect(await world.admin('select owner_user_id from leads')).toEqual([{ owner_user_id: null }])
    expect(await world.admin('select lead_id from messages where lead_id is not null')).toEqual([])
    expect(
      await world.admin(
        `select relname from pg_class where relname in ('users', 'leads', 'messages') and not relforcerowsecurity`,
      ),
    ).toEqual([])
  })

  it('lets no row name a lead or an owner of another company, whoever writes it @multitenant', async () => {
    const [lead] = await world.admin<{ id: string }>('select id from leads')
    for (const [table, values] of [
      ['tasks', `(tenant_id, title, lead_id) values ('${borealis}', 'T', '${lead?.id}')`],
      ['tasks', `(tenant_id, title, owner_user_id) values ('${borealis}', 'T', '${actors.acmeRep.userId}')`],
      ['leads', `(tenant_id, name, owner_user_id) values ('${borealis}', 'L', '${actors.acmeRep.userId}')`],
      [
        'appointments',
        `(tenant_id, title, lead_id, starts_at, ends_at) values ('${borealis}', 'A', '${lead?.id}', now(), now() + interval '1 hour')`,
      ],
    ])
      await expect(world.admin(`insert into ${table} ${values}`), values).rejects.toThrow(/foreign key/)
  })
})
