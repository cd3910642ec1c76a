import type { Knex } from 'knex'
import type { Actor } from '../domain/identity.js'
import { composeContext } from '../domain/mentor-context.js'
import {
  type ActiveGoal,
  type ContextSources,
  type EmotionalCategory,
  mostCategories,
  mostGoalsTold,
  type Persona,
} from '../domain/personal-context.js'
import type { Database } from './database.js'
import { targetDate } from './goals.js'
import { ofUser, type RowShape, selectList, userOf } from './own-document.js'
import { onboardingShape, partsOf, preferencesShape, profileShape } from './personal-context.js'
import { createRevisionCache, type Current } from './revision-cache.js'

/** What a conversation is told of its user, and who speaks in it. */
export interface UserContext {
  context: string
  /** Of the user's choice; null where nothing was chosen. */
  persona: Persona
  /** How many of the five sources had something to say. */
  sources: number
}

export interface ContextRead extends UserContext {
  cached: boolean
}

export interface UserContextOptions {
  database: Pick<Database, 'withTenant'>
  cacheMs: number
  now?: (() => number) | undefined
}

/** Some megabytes at most. */
const maxEntries = 2000

/** What is known of users, gathered as each of them: nobody else's rows can be among it. */
export function createUserContexts({ database, cacheMs, now }: UserContextOptions) {
  const cache = createRevisionCache<UserContext>({ ttlMs: cacheMs, maxEntries, now })
  const keyOf = ({ tenantId, userId }: Actor) => `${tenantId} ${userId}`

  return {
    /** The context as it is now. */
    async of(actor: Actor): Promise<ContextRead> {
      const { value, cached } = await cache.read(keyOf(actor), {
        revision: () =>
          database.withTenant(actor, async (trx) => {
            const [revision] = await atOnce(trx, [selectRevision(trx, actor)])
            return revision
          }),
        load: () => database.withTenant(actor, (trx) => gather(trx, actor)),
      })
      return { ...value, cached }
    },
    /** The context as it was a while ago, for when the database cannot be asked; undefined when none is kept. */
    remembered: (actor: Actor): UserContext | undefined => cache.peek(keyOf(actor)),
  }
}

export type UserContexts = ReturnType<typeof createUserContexts>

/** The statements and the commit leave together: one trip to the server, however many there are. */
async function atOnce<const T extends readonly Promise<unknown>[]>(trx: Knex.Transaction, statements: T) {
  const done = trx.commit() as unknown as Promise<unknown>
  const [answers] = await Promise.all([Promise.all(statements), done])
  return answers
}

/** The revision is read first: what changes in between is then found changed the next time. */
async function gather(trx: Knex.Transaction, actor: Actor): Promise<Current<UserContext>> {
  const [revision, profile, onboarding, preferences, categories, goals, persona] = await atOnce(trx, [
    selectRevision(trx, actor),
    selectRow(trx, actor, profileShape),
    selectRow(trx, actor, onboardingShape),
    selectRow(trx, actor, preferencesShape),
    select<EmotionalCategory>(trx, actor, categoriesTold),
    select<ActiveGoal>(trx, actor, goalsTold),
    select<Persona>(trx, actor, personaChosen),
  ])
  const sources = { profile, onboarding: onboarding && partsOf(onboarding), preferences, categories, goals }
  const value = {
    context: composeContext(sources),
    persona: persona[0] ?? { personaId: null, replicaId: null },
    sources: countOf(sources),
  }
  return { revision, value }
}

const countOf = ({ profile, onboarding, preferences, categories, goals }: ContextSources) =>
  [profile, onboarding, preferences, categories[0], goals[0]].filter((source) => source !== undefined).length

async function select<R>(trx: Knex.Transaction, actor: Actor, sql: string): Promise<R[]> {
  return (await trx.raw<{ rows: R[] }>(sql, userOf(actor))).rows
}

const rowQueries = new Map<string, string>()

async function selectRow<D>(trx: Knex.Transaction, actor: Actor, shape: RowShape<D>): Promise<D | undefined> {
  const { table } = shape
  const sql = rowQueries.get(table) ?? `select ${selectList(shape)} from ${table} where ${ofUser}`
  rowQueries.set(table, sql)
  return (await select<D>(trx, actor, sql))[0]
}

const categoriesTold = `select category, intensity, note from user_emotional_categories where ${ofUser}
  order by position limit ${mostCategories}`

/** The nearest first. */
const goalsTold = `select title, description, ${targetDate} from user_goals where ${ofUser} and status = 'active'
  order by user_goals.target_date nulls last, created_at, id limit ${mostGoalsTold}`

/** An avatar that the company does not offer any more speaks for nobody. */
const personaChosen = `select coalesce(p.persona_id, a.persona_id) as "personaId", coalesce(p.replica_id, a.replica_id) as "replicaId"
  from user_personas p left join mentor_avatars a on a.tenant_id = p.tenant_id and a.id = p.avatar_id and a.active
  where p.tenant_id = ? and p.user_id = ?`

/**
 * Of every row that the context is made of, its version as PostgreSQL itself counts it: whoever writes one, by whatever
 * way, makes another version, and nobody has to remember to say so.
 */
const versions = (table: string) =>
  `coalesce((select string_agg(t.xmin::text || t.ctid::text, ' ' order by t.ctid) from ${table} t
     where t.tenant_id = me.tenant_id and t.user_id = me.user_id), '')`
const sourceTables = [
  'profiles',
  'onboarding_profiles',
  'ritual_preferences',
  'user_emotional_categories',
  'user_goals',
  'user_personas',
]
const revisionQuery = `select concat_ws(';', ${sourceTables.map(versions).join(', ')}, (
    select a.xmin::text || a.ctid::text from user_personas p
    join mentor_avatars a on a.tenant_id = p.tenant_id and a.id = p.avatar_id
    where p.tenant_id = me.tenant_id and p.user_id = me.user_id)) as revision
  from (select ?::uuid as tenant_id, ?::text as user_id) as me`

async function selectRevision(trx: Knex.Transaction, actor: Actor): Promise<string> {
  return (await select<{ revision: string }>(trx, actor, revisionQuery))[0]?.revision ?? ''
}
