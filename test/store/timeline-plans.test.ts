import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acme, actors, createWorld, type World } from './world.js'

let world: World
let lead: string

beforeAll(async () => {
  world = await createWorld()
  const [made] = await world.admin<{ id: string }>(
    `insert into leads (tenant_id, name, owner_user_id) values ($1, 'A', $2) returning id`,
    [acme, actors.acmeRep.userId],
  )
  lead = made?.id ?? ''
  await world.admin(
    `insert into event_logs (tenant_id, event, user_id, lead_id)
     select $1, 'lead.updated', case when n % 500 = 0 then $2 end,
       case when n % 500 = 1 then $3 when n % 7 = 0 then 'crm-' || n end from generate_series(1, 30000) n`,
    [acme, actors.acmeRep.userId, lead],
  )
  await world.admin(`insert into leads (tenant_id, name) select $1, 'L' from generate_series(1, 30000)`, [acme])
  await world.admin('vacuum analyze')
})
afterAll(() => world.close())

const plan = async (who: keyof typeof actors, condition: string, value: string) => {
  const { rows } = await world.database.withTenant(actors[who], (trx) =>
    trx.raw<{ rows: Record<string, string>[] }>(
      `explain (analyze, costs off, timing off, summary off)
       select id from event_logs where tenant_id = '${acme}' and ${condition} = '${value}' and id > 0 order by id limit 200`,
    ),
  )
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

describe('what realtime reads of the log @integration', () => {
  it.each(['acmeLead', 'acmeCsr', 'acmeRep'] as const)('%s reads a lead’s timeline by an index', async (who) => {
    const text = await plan(who, 'lead_id', lead)
    // Partitions without a row are the planner's to choose.
    expect(text).not.toMatch(/Seq Scan on leads/)
    expect(text).toMatch(/Index Scan using event_logs_\d{4}_\d\d_tenant_id_lead_id_id_idx/)
  })

  it.each(['acmeLead', 'acmeRep'] as const)('%s reads what is a user’s by an index', async (who) => {
    const text = await plan(who, 'user_id', actors.acmeRep.userId)
    expect(text).toMatch(/Index Scan using event_logs_\d{4}_\d\d_tenant_id_user_id_id_idx/)
  })

  it('is of rows that are the lead’s', async () => {
    const read = (who: keyof typeof actors) =>
      world.database.withTenant(actors[who], (trx) =>
        trx.raw<{ rows: unknown[] }>('select from event_logs where lead_id = ?', [lead]),
      )
    expect((await read('acmeRep')).rows).toHaveLength(60)
    expect((await read('acmeCsr')).rows).toHaveLength(60)
    expect((await read('acmeRep2')).rows).toHaveLength(0)
  })
})
