import type { Onboarding } from '../../domain/personal-context.js'
import type { Services } from '../../services.js'
import type { z } from 'zod'
import { avatarApi } from '../avatar-api.js'
import { iso } from '../fields.js'
import { goalApi } from '../goal-api.js'
import {
  categoriesBody,
  categoriesOf,
  categoriesSchema,
  onboardingBody,
  onboardingSchema,
  personaBody,
  personaOf,
  personaSchema,
  preferencesBody,
  preferencesOf,
  preferencesSchema,
  presentCategories,
  presentPersona,
  presentPreferences,
  presentProfile,
  profileBody,
  profileOf,
  profileSchema,
} from '../mentor-schema.js'
import { ownDocumentRoutes, ownRoute } from '../own-document-routes.js'
import { resourceRoutes } from '../resource-routes.js'
import type { Route } from '../route.js'

const onboardingOf = ({ disc, enneagram }: z.output<typeof onboardingBody>): Onboarding => ({
  disc: disc ?? null,
  enneagram: enneagram ? { type: enneagram.type, wing: enneagram.wing ?? null } : null,
})

const presentOnboarding = (row: Onboarding & { updatedAt: Date | null }): z.input<typeof onboardingSchema> => ({
  disc: row.disc,
  enneagram: row.enneagram,
  updated_at: iso(row.updatedAt),
})

/** What users say of themselves, and the avatars that a company offers them. */
export function personalContextRoutes({ mentor }: Pick<Services, 'mentor'>): Route[] {
  return [
    ...ownDocumentRoutes({
      name: 'MyProfile',
      path: '/me/profile',
      what: 'what I say of myself',
      store: mentor.profiles,
      body: profileBody,
      schema: profileSchema,
      documentOf: profileOf,
      present: presentProfile,
    }),
    ...ownDocumentRoutes({
      name: 'MyOnboarding',
      path: '/me/onboarding',
      what: 'my answers to DISC and Enneagram',
      store: mentor.onboarding,
      body: onboardingBody,
      schema: onboardingSchema,
      documentOf: onboardingOf,
      present: presentOnboarding,
    }),
    ...ownDocumentRoutes({
      name: 'MyRitualPreferences',
      path: '/me/ritual-preferences',
      what: 'how I like my conversations',
      store: mentor.preferences,
      body: preferencesBody,
      schema: preferencesSchema,
      documentOf: preferencesOf,
      present: presentPreferences,
    }),
    ...ownDocumentRoutes({
      name: 'MyEmotionalCategories',
      path: '/me/emotional-categories',
      what: 'what moves me',
      store: mentor.categories,
      body: categoriesBody,
      schema: categoriesSchema,
      documentOf: categoriesOf,
      present: presentCategories,
    }),
    ...ownDocumentRoutes({
      name: 'MyPersona',
      path: '/me/persona',
      what: 'who speaks in my mentor sessions',
      store: mentor.personas,
      body: personaBody,
      schema: personaSchema,
      documentOf: personaOf,
      present: presentPersona,
    }),
    ...resourceRoutes({ ...goalApi, store: mentor.goals }).map((one) => ({ ...one, keyScope: ownRoute.keyScope })),
    ...resourceRoutes({ ...avatarApi, store: mentor.avatars }),
  ]
}
