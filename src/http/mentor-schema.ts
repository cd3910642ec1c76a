import { z } from 'zod'
import {
  type EmotionalCategory,
  isWingOf,
  mostCategories,
  type PersonaSelection,
  type Profile,
  type RitualPreferences,
  timesOfDay,
  tones,
} from '../domain/personal-context.js'
import { idField, iso, shownTime, textField, timezoneField } from './fields.js'

const text = (maxLength: number) => textField(maxLength).nullish()
const shown = z.string().nullable()
const updatedAt = { updated_at: shownTime.nullable().meta({ description: 'null until it is written' }) }
type Kept<D> = D & { updatedAt: Date | null }

export const profileBody = z
  .strictObject({
    preferred_name: text(100),
    pronouns: text(50),
    occupation: text(200),
    language: text(60),
    timezone: timezoneField.nullish(),
    about: text(2000),
  })
  .meta({ id: 'MyProfileReplacement', example: { preferred_name: 'Rosa', about: 'I moved here in spring.' } })

export const profileSchema = z
  .object({
    preferred_name: shown,
    pronouns: shown,
    occupation: shown,
    language: shown,
    timezone: shown,
    about: shown,
    ...updatedAt,
  })
  .meta({ id: 'MyProfile' })

export const profileOf = (body: z.output<typeof profileBody>): Profile => ({
  preferredName: body.preferred_name ?? null,
  pronouns: body.pronouns ?? null,
  occupation: body.occupation ?? null,
  language: body.language ?? null,
  timezone: body.timezone ?? null,
  about: body.about ?? null,
})

export const presentProfile = (row: Kept<Profile>): z.input<typeof profileSchema> => ({
  preferred_name: row.preferredName,
  pronouns: row.pronouns,
  occupation: row.occupation,
  language: row.language,
  timezone: row.timezone,
  about: row.about,
  updated_at: iso(row.updatedAt),
})

const score = z.int().min(0).max(100)
const disc = z.strictObject({ dominance: score, influence: score, steadiness: score, conscientiousness: score })
const type = z.int().min(1).max(9)
const enneagram = z
  .strictObject({ type, wing: type.nullish() })
  .refine(({ type: of, wing }) => wing == null || isWingOf(of, wing), {
    path: ['wing'],
    message: 'must be a neighbour of the type',
  })

export const onboardingBody = z
  .strictObject({
    disc: disc.nullish().meta({ description: 'How strongly each style shows, 0 to 100; all four or none' }),
    enneagram: enneagram.nullish().meta({ description: 'The wing is one of the type’s two neighbours' }),
  })
  .meta({
    id: 'MyOnboardingReplacement',
    example: {
      disc: { dominance: 20, influence: 65, steadiness: 80, conscientiousness: 40 },
      enneagram: { type: 9, wing: 1 },
    },
  })

export const onboardingSchema = z
  .object({
    disc: z.object({ dominance: score, influence: score, steadiness: score, conscientiousness: score }).nullable(),
    enneagram: z.object({ type, wing: type.nullable() }).nullable(),
    ...updatedAt,
  })
  .meta({ id: 'MyOnboarding' })

export const preferencesBody = z
  .strictObject({
    tone: z.enum(tones).nullish(),
    time_of_day: z.enum(timesOfDay).nullish(),
    session_minutes: z.int().min(1).max(120).nullish(),
    opening: text(300),
    closing: text(300),
    topics_to_avoid: z.array(textField(100)).max(10).optional(),
  })
  .meta({ id: 'MyRitualPreferencesReplacement', example: { tone: 'calm', session_minutes: 10 } })

export const preferencesSchema = z
  .object({
    tone: z.enum(tones).nullable(),
    time_of_day: z.enum(timesOfDay).nullable(),
    session_minutes: z.int().nullable(),
    opening: shown,
    closing: shown,
    topics_to_avoid: z.array(z.string()),
    ...updatedAt,
  })
  .meta({ id: 'MyRitualPreferences' })

export const preferencesOf = (body: z.output<typeof preferencesBody>): RitualPreferences => ({
  tone: body.tone ?? null,
  timeOfDay: body.time_of_day ?? null,
  sessionMinutes: body.session_minutes ?? null,
  opening: body.opening ?? null,
  closing: body.closing ?? null,
  topicsToAvoid: body.topics_to_avoid ?? [],
})

export const presentPreferences = (row: Kept<RitualPreferences>): z.input<typeof preferencesSchema> => ({
  tone: row.tone,
  time_of_day: row.timeOfDay,
  session_minutes: row.sessionMinutes,
  opening: row.opening,
  closing: row.closing,
  topics_to_avoid: row.topicsToAvoid,
  updated_at: iso(row.updatedAt),
})

const category = z.strictObject({
  category: textField(60),
  intensity: z.int().min(1).max(5).nullish(),
  note: text(300),
})

export const categoriesBody = z
  .strictObject({
    items: z
      .array(category)
      .max(mostCategories)
      .refine(haveOwnNames, 'must name each category once')
      .meta({ description: 'The most important first' }),
  })
  .meta({ id: 'MyEmotionalCategoriesReplacement', example: { items: [{ category: 'Grief', intensity: 3 }] } })

export const categoriesSchema = z
  .object({
    items: z.array(z.object({ category: z.string(), intensity: z.int().nullable(), note: shown })),
    ...updatedAt,
  })
  .meta({ id: 'MyEmotionalCategories' })

function haveOwnNames(items: readonly { category: string }[]): boolean {
  return new Set(items.map((item) => item.category.toLowerCase())).size === items.length
}

export const categoriesOf = ({ items }: z.output<typeof categoriesBody>): { items: EmotionalCategory[] } => ({
  items: items.map((item) => ({
    category: item.category,
    intensity: item.intensity ?? null,
    note: item.note ?? null,
  })),
})

export const presentCategories = (row: Kept<{ items: EmotionalCategory[] }>): z.input<typeof categoriesSchema> => ({
  items: row.items,
  updated_at: iso(row.updatedAt),
})

export const personaBody = z
  .strictObject({
    avatar_id: idField('an avatar').nullish(),
    persona_id: text(200),
    replica_id: text(200),
  })
  .meta({ id: 'MyPersonaReplacement', example: { persona_id: 'p1234567' } })

export const personaSchema = z
  .object({ avatar_id: shown, persona_id: shown, replica_id: shown, ...updatedAt })
  .meta({ id: 'MyPersona' })

export const personaOf = (body: z.output<typeof personaBody>): PersonaSelection => ({
  avatarId: body.avatar_id ?? null,
  personaId: body.persona_id ?? null,
  replicaId: body.replica_id ?? null,
})

export const presentPersona = (row: Kept<PersonaSelection>): z.input<typeof personaSchema> => ({
  avatar_id: row.avatarId,
  persona_id: row.personaId,
  replica_id: row.replicaId,
  updated_at: iso(row.updatedAt),
})
