import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/domain/identity.js'
import type { PageRequest } from '../../src/domain/page.js'
import { createAppointmentStore } from '../../src/store/appointments.js'
import { createCallStore } from '../../src/store/calls.js'
import type { Database } from '../../src/store/database.js'
import { createLeadStore } from '../../src/store/leads.js'
import { createMessageStore } from '../../src/store/messages.js'
import { createStaffStore } from '../../src/store/staff.js'
import { createTaskStore } from '../../src/store/tasks.js'
import { acme, actors, borealis, createWorld, type World } from './world.js'

let world: World
const rows = 30_000

/** Both companies have rows, Acme two thirds of them; reps own few. */
const fill = [
  `insert into users (company_id, user_email, display_name, role, created_at)
   select case when n % 3 = 0 then :borealis::uuid else :acme::uuid end, 'u' || n || '@many.test', 'User ' || n, 'rep',
     now() - n * interval '1 minute' from generate_series(1, :rows::int) n`,
  `insert into leads (tenant_id, name, status, phone, email, external_id, owner_user_id, created_at)
   select case when n % 3 = 0 then :borealis::uuid else :acme::uuid end, 'Lead ' || n,
     (array['new', 'contacted', 'qualified', 'won', 'lost'])[1 + n % 5], '+1415' || n, n || '@x.test', 'crm' || n,
     case when n % 300 = 1 then :rep::uuid end, now() - n * interval '1 minute' from generate_series(1, :rows::int) n`,
  `insert into appointments (tenant_id, title, status, starts_at, ends_at, owner_user_id, lead_id, created_at)
   select l.tenant_id, 'A', (array['scheduled', 'confirmed', 'completed', 'cancelled'])[1 + n % 4],
     now() + n * interval '1 minute', now() + (n + 30) * interval '1 minute', l.owner_user_id, l.id, l.created_at
   from (select *, row_number() over (order by id)::int as n from leads) l`,
  `insert into tasks (tenant_id, title, status, due_at, owner_user_id, lead_id, created_at)
   select l.tenant_id, 'T', (array['open', 'in_progress', 'cancelled'])[1 + n % 3],
     case when n % 4 > 0 then now() + n * interval '1 minute' end, l.owner_user_id, l.id, l.created_at
   from (select *, row_number() over (order by id)::int as n from leads) l`,
  `insert into call_logs (company_id, user_id, lead_id, provider, external_id, direction, status, outcome, started_at, created_at)
   select l.tenant_id, l.owner_user_id, l.id, (array['twilio', 'livekit'])[1 + n % 2], 'c' || n, 'inbound',
     case when n % 50 = 0 then 'ringing' else 'ended' end,
     case when n % 50 = 0 then null when n % 20 = 0 then 'busy' else 'completed' end, l.created_at, l.created_at
   from (select *, row_number() over (order by id)::int as n from leads) l`,
  `insert into messages (tenant_id, lead_id, provider, external_id, direction, from_number, to_number, status, status_rank, created_at)
   select l.tenant_id, l.id, 'twilio', 'm' || n, 'inbound', l.phone, '+15005550006', 'received', 1, l.created_at
   from (select *, row_number() over (order by id)::int as n from leads) l`,
]

beforeAll(async () => {
  world = await createWorld()
  await world.database.withService(undefined, async (trx) => {
    for (const sql of fill) await trx.raw(sql, { acme, borealis, rows, rep: actors.acmeRep.userId })
  })
  await world.admin('vacuum analyze')
}, 180_000)
afterAll(() => world.close())

interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  Plans?: Plan[]
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

/** What a store asks of the database, instead of asking it. */
function listening(database: Database, heard: { sql: string; bindings: Knex.RawBinding[] }[]) {
  return {
    ...database,
    withTenant: <T>(actor: Actor, work: (trx: Knex.Transaction) => Promise<T>) =>
      database.withTenant(actor, (trx) => {
        const on = (table: string) => trx(table).on('query', (query: (typeof heard)[number]) => void heard.push(query))
        return work(Object.assign(on, { raw: trx.raw.bind(trx) }) as unknown as Knex.Transaction)
      }),
  }
}

async function planOf(
  actor: Actor,
  list: (database: Database) => {
    list: (actor: Actor, request: PageRequest<object>) => Promise<{ nextCursor?: string | undefined }>
  },
  request: PageRequest<object>,
): Promise<Plan[]> {
  const heard: { sql: string; bindings: Knex.RawBinding[] }[] = []
  const store = list(listening(world.database, heard))
  const { nextCursor: cursor } = await store.list(actor, request)
  // The page after, too: it begins somewhere in the index.
  if (cursor) await store.list(actor, { ...request, cursor })
  const plans: Plan[] = []
  for (const { sql, bindings } of heard)
    plans.push(
      await world.database.withTenant(actor, async (trx) => {
        const { rows: found } = await trx.raw<{ rows: { 'QUERY PLAN': [{ Plan: Plan }] }[] }>(
          `explain (format json) ${sql}`,
          bindings,
        )
        const [first] = found
        if (!first) throw new Error('no plan')
        return first['QUERY PLAN'][0].Plan
      }),
    )
  expect(plans.length).toBeGreaterThan(0)
  return plans
}

const stores = {
  users: createStaffStore,
  leads: createLeadStore,
  appointments: createAppointmentStore,
  tasks: createTaskStore,
  calls: createCallStore,
  messages: createMessageStore,
}
const someday = { from: '2020-01-01T00:00:00.000Z', to: '2040-01-01T00:00:00.000Z' }
const owner = actors.acmeRep.userId
const lead = '0192a000-0000-7000-8000-00000000ffff'

const asked: Record<keyof typeof stores, { sorts: string[]; filters: object[] }> = {
  users: {
    sorts: ['name', 'created_at'],
    filters: [{ role: 'csr' }, { disabled: true }, { name: 'User 77' }, { email: 'u7@many.test' }],
  },
  leads: {
    sorts: ['created_at', 'updated_at', 'name'],
    filters: [
      { owner },
      { status: 'won' },
      { name: 'lead 77' },
      { phone: '+14157' },
      { email: '7@x.test' },
      { externalId: 'crm7' },
      someday,
    ],
  },
  appointments: { sorts: ['starts_at', 'created_at'], filters: [{ owner }, { lead }, { status: 'no_show' }, someday] },
  tasks: { sorts: ['created_at', 'due_at'], filters: [{ owner }, { lead }, { status: 'done' }, someday] },
  calls: {
    sorts: ['created_at', 'started_at'],
    filters: [
      { provider: 'twilio' },
      { status: 'ringing' },
      { outcome: 'busy' },
      { direction: 'inbound' },
      { user: owner },
      { lead },
      someday,
    ],
  },
  messages: {
    sorts: ['created_at'],
    filters: [
      { provider: 'twilio' },
      { direction: 'inbound' },
      { status: 'failed' },
      { lead },
      { number: '+14157' },
      someday,
    ],
  },
}

const cases = Object.entries(asked).flatMap(([name, { sorts, filters }]) =>
  (['acmeLead', 'acmeCsr', 'acmeRep'] as const).map((who) => ({
    name: name as keyof typeof stores,
    who,
    sorts,
    filters,
  })),
)

describe('lists of 30,000 rows @integration', () => {
  it.each(cases)('$name of $who use an index for every filter and sort', async ({ name, who, sorts, filters }) => {
    const create = stores[name] as unknown as Parameters<typeof planOf>[1]
    for (const sort of sorts.flatMap((field) => [field, `-${field}`]))
      for (const filter of [{}, ...filters])
        for (const plan of await planOf(actors[who], create, { filter, sort, limit: 20 })) {
          const scans = nodesOf(plan).filter((node) => node['Node Type'].includes('Seq Scan'))
          expect([name, sort, filter, scans.map((node) => node['Relation Name'])]).toEqual([name, sort, filter, []])
        }
  })

  it('go on from a page by the index, without reading what was before', async () => {
    for (const [name, sort, index] of [
      ['leads', 'name', 'leads_name_idx'],
      ['leads', '-created_at', 'leads_created_idx'],
      ['tasks', 'due_at', 'tasks_due_idx'],
      ['appointments', 'starts_at', 'appointments_start_idx'],
      ['calls', '-started_at', 'call_logs_started_idx'],
    ] as const) {
      const create = stores[name] as unknown as Parameters<typeof planOf>[1]
      const plans = await planOf(actors.acmeLead, create, { filter: {}, sort, limit: 20 })
      const [, second] = plans
      const scan = second && nodesOf(second).find((node) => node['Index Name'] !== undefined)
      expect([name, scan?.['Index Name'], (scan as { 'Index Cond'?: string } | undefined)?.['Index Cond']]).toEqual([
        name,
        index,
        expect.stringMatching(/ROW\(/),
      ])
      expect(nodesOf(second as Plan).map((node) => node['Node Type'])).not.toContain('Sort')
    }
  })
})
