import pg from 'pg'
import type { Actor } from '../../domain/identity.js'
import { createDatabase } from '../../store/database.js'
import { createUserContexts } from '../../store/user-contexts.js'
import { onDatabase } from '../postgres-roles.js'
import { seedCompanies } from '../seed.js'
import { percentile } from './load.js'
import type { Row } from './phases.js'

const users = 2000
const goals = { cold: 40, warm: 10 }
const askedARound = 50
const warmUpRounds = 6
const tenantId = seedCompanies.acme.id
const userOf = (n: number) => `bench-${n % users}`
const actorOf = (n: number): Actor => ({ tenantId, userId: userOf(n), role: 'rep' })

interface Variant {
  what: string
  ask: (n: number) => Promise<unknown>
  latencies: number[]
}

/**
 * What it takes to know a user: with nothing kept, with the context kept and its revision asked for, and as the floor a
 * bare pg that reads the same rows one statement after the other. They take turns, so that whatever else the machine does
 * meets all alike; a user's rows are read by each once in many rounds.
 */
export async function contextComposition(
  { databaseUrl, adminUrl }: { databaseUrl: string; adminUrl: string },
  rounds: number,
): Promise<Row[]> {
  await onDatabase(adminUrl, (client) => seed(client))
  const database = createDatabase({ url: databaseUrl, poolSize: 2 })
  const bare = new pg.Client({ connectionString: adminUrl })
  await bare.connect()
  try {
    const cold = createUserContexts({ database, cacheMs: 0 })
    const warm = createUserContexts({ database, cacheMs: 3_600_000 })
    const variants = [
      variant('floor', (n) => readBare(bare, userOf(n))),
      variant('cold', (n) => cold.of(actorOf(n))),
      variant('warm', (n) => warm.of(actorOf(n % askedARound))),
    ]
    await takeTurns(variants, rounds)
    return rowsOf(variants)
  } finally {
    await bare.end()
    await database.destroy()
  }
}

const variant = (what: string, ask: Variant['ask']): Variant => ({ what, ask, latencies: [] })

async function takeTurns(variants: readonly Variant[], rounds: number): Promise<void> {
  for (let round = 0; round < warmUpRounds + rounds; round++)
    for (let turn = 0; turn < variants.length; turn++) {
      const { ask, latencies } = variants[(turn + round) % variants.length] as Variant
      for (let n = 0; n < askedARound; n++) {
        const began = performance.now()
        await ask(round * askedARound + n)
        if (round >= warmUpRounds) latencies.push(performance.now() - began)
      }
    }
}

function rowsOf(variants: readonly Variant[]): Row[] {
  const at = (what: string, share: number) => {
    const latencies = variants.find((one) => one.what === what)?.latencies ?? []
    return percentile(
      latencies.sort((a, b) => a - b),
      share,
    )
  }
  const ms = (value: number) => `${value.toFixed(2)} ms`
  return (['cold', 'warm'] as const).flatMap((what) => [
    {
      what: `context of a user, ${what}, p50`,
      value: ms(at(what, 0.5)),
      floor: ms(at('floor', 0.5)),
      goal: `<= ${goals[what]} ms`,
      ok: at(what, 0.5) <= goals[what],
    },
    {
      what: `context of a user, ${what}, p99`,
      value: ms(at(what, 0.99)),
      floor: ms(at('floor', 0.99)),
      goal: '',
      ok: true,
    },
  ])
}

const sources = [
  'select * from profiles where tenant_id = $1 and user_id = $2',
  'select * from onboarding_profiles where tenant_id = $1 and user_id = $2',
  'select * from ritual_preferences where tenant_id = $1 and user_id = $2',
  'select * from user_emotional_categories where tenant_id = $1 and user_id = $2 order by position',
  `select * from user_goals where tenant_id = $1 and user_id = $2 and status = 'active' order by created_at`,
]

async function readBare(client: pg.Client, userId: string): Promise<void> {
  await client.query('begin')
  for (const [n, text] of sources.entries())
    await client.query({ name: `bench_context_${n}`, text, values: [tenantId, userId] })
  await client.query('commit')
}

/** Users who have said everything there is to say. */
async function seed(client: pg.Client): Promise<void> {
  const of = `'${tenantId}', 'bench-' || n`
  const each = `from generate_series(0, ${users - 1}) as n`
  await client.query(`
    insert into profiles (tenant_id, user_id, preferred_name, occupation, language, about)
      select ${of}, 'Name ' || n, 'crystallographer', 'English', repeat('I moved here in spring. ', 20) ${each};
    insert into onboarding_profiles (tenant_id, user_id, disc_dominance, disc_influence, disc_steadiness,
        disc_conscientiousness, enneagram_type)
      select ${of}, n % 101, 65, 80, 40, 1 + n % 9 ${each};
    insert into ritual_preferences (tenant_id, user_id, tone, opening, topics_to_avoid)
      select ${of}, 'calm', 'Begin with a breath.', '["diets", "my brother"]' ${each};
    insert into user_emotional_categories (tenant_id, user_id, position, category, intensity, note)
      select ${of}, place, 'category ' || place, 1 + place % 5, 'since spring' ${each}, generate_series(0, 7) as place;
    insert into user_goals (tenant_id, user_id, title, description, target_date)
      select ${of}, 'goal ' || place, repeat('as often as I can ', 5), '2026-12-31' ${each}, generate_series(1, 5) as place;
    analyze profiles, onboarding_profiles, ritual_preferences, user_emotional_categories, user_goals`)
}
