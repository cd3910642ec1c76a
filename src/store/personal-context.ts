import type { Knex } from 'knex'
import type {
  EmotionalCategory,
  Onboarding,
  PersonaSelection,
  Profile,
  RitualPreferences,
} from '../domain/personal-context.js'
import type { Database } from './database.js'
import type { Revised } from '../domain/page.js'
import {
  createOwnDocument,
  createRowDocument,
  type Kept,
  ofUser,
  type OwnDocument,
  type RowShape,
  userOf,
} from './own-document.js'
import { invalidField } from './refusals.js'
import { json } from './values.js'

export const profileShape: RowShape<Profile> = {
  table: 'profiles',
  empty: { preferredName: null, pronouns: null, occupation: null, language: null, timezone: null, about: null },
  columns: {
    preferredName: 'preferred_name',
    pronouns: 'pronouns',
    occupation: 'occupation',
    language: 'language',
    timezone: 'timezone',
    about: 'about',
  },
}

/** Onboarding as its row has it: DISC is whole or absent. */
interface OnboardingRow {
  dominance: number | null
  influence: number | null
  steadiness: number | null
  conscientiousness: number | null
  enneagramType: number | null
  enneagramWing: number | null
}

export const onboardingShape: RowShape<OnboardingRow> = {
  table: 'onboarding_profiles',
  empty: {
    dominance: null,
    influence: null,
    steadiness: null,
    conscientiousness: null,
    enneagramType: null,
    enneagramWing: null,
  },
  columns: {
    dominance: 'disc_dominance',
    influence: 'disc_influence',
    steadiness: 'disc_steadiness',
    conscientiousness: 'disc_conscientiousness',
    enneagramType: 'enneagram_type',
    enneagramWing: 'enneagram_wing',
  },
}

/** DISC and Enneagram as they were answered. */
export function partsOf(row: OnboardingRow): Onboarding {
  const { dominance, influence, steadiness, conscientiousness, enneagramType: type, enneagramWing: wing } = row
  const isWhole = dominance !== null && influence !== null && steadiness !== null && conscientiousness !== null
  return {
    disc: isWhole ? { dominance, influence, steadiness, conscientiousness } : null,
    enneagram: type === null ? null : { type, wing },
  }
}

const rowOf = ({ disc, enneagram }: Onboarding): OnboardingRow => ({
  ...onboardingShape.empty,
  ...disc,
  enneagramType: enneagram?.type ?? null,
  enneagramWing: enneagram?.wing ?? null,
})

export const preferencesShape: RowShape<RitualPreferences> = {
  table: 'ritual_preferences',
  empty: { tone: null, timeOfDay: null, sessionMinutes: null, opening: null, closing: null, topicsToAvoid: [] },
  columns: {
    tone: 'tone',
    timeOfDay: 'time_of_day',
    sessionMinutes: 'session_minutes',
    opening: 'opening',
    closing: 'closing',
    topicsToAvoid: 'topics_to_avoid',
  },
}

const personaShape: RowShape<PersonaSelection> = {
  table: 'user_personas',
  empty: { avatarId: null, personaId: null, replicaId: null },
  columns: { avatarId: 'avatar_id', personaId: 'persona_id', replicaId: 'replica_id' },
}

const categoriesQuery = `select category, intensity, note, created_at as "createdAt" from user_emotional_categories
  where ${ofUser} order by position`

/** A user's emotional categories, the most important first. */
export interface Categories {
  items: EmotionalCategory[]
}

/** What users tell of themselves: seen and changed by nobody else, whoever leads the company. */
export function createPersonalContext(database: Pick<Database, 'withTenant'>) {
  return {
    profiles: createRowDocument(database, profileShape),
    onboarding: onboardingOf(createRowDocument(database, onboardingShape)),
    preferences: createRowDocument(database, preferencesShape),
    personas: createRowDocument(database, personaShape, {
      user_personas_tenant_id_avatar_id_fkey: () => invalidField('/avatar_id', 'must be the id of an avatar'),
    }),
    categories: createOwnDocument<Categories>(database, {
      table: 'user_emotional_categories',
      read: async (trx, actor) => {
        const { rows } = await trx.raw<{ rows: (EmotionalCategory & { createdAt: Date })[] }>(
          categoriesQuery,
          userOf(actor),
        )
        return {
          items: rows.map(({ createdAt: _at, ...item }) => item),
          updatedAt: rows[0]?.createdAt ?? null,
        }
      },
      write: async (trx, actor, { items }) => {
        await trx.raw(`delete from user_emotional_categories where ${ofUser}`, userOf(actor))
        await insertCategories(trx, userOf(actor), items)
      },
    }),
  }
}

export type PersonalContextStore = ReturnType<typeof createPersonalContext>

/** The same document in the words of the domain. */
function onboardingOf(rows: OwnDocument<OnboardingRow>): OwnDocument<Onboarding> {
  const shown = ({ revision, updatedAt, ...row }: Revised<Kept<OnboardingRow>>) => ({
    ...partsOf(row),
    revision,
    updatedAt,
  })
  return {
    find: async (actor) => shown(await rows.find(actor)),
    replace: async (actor, precondition, document) => shown(await rows.replace(actor, precondition, rowOf(document))),
    remove: rows.remove,
  }
}

const insertCategories = (trx: Knex.Transaction, [tenantId, userId]: [string, string], items: EmotionalCategory[]) =>
  trx.raw(
    `insert into user_emotional_categories (tenant_id, user_id, position, category, intensity, note)
     select ?, ?, (place - 1)::smallint, item->>'category', (item->>'intensity')::smallint, item->>'note'
     from jsonb_array_elements(?::jsonb) with ordinality as given (item, place)`,
    [tenantId, userId, json(items)],
  )
