import { NotFoundError } from '../../domain/errors.js'
import { type Actor, roles } from '../../domain/identity.js'
import type { Services } from '../../services.js'
import {
  daysQuery,
  daysSchema,
  durationsSchema,
  outcomesSchema,
  presentDuration,
  presentPrewarm,
  presentQuality,
  presentRecap,
  prewarmSchema,
  qualitySchema,
  rangeQuery,
  recapParams,
  recapSchema,
  recapsQuery,
  usersQuery,
  usersSchema,
} from '../analytics-schema.js'
import { pageSchema, presentPage } from '../listing.js'
import { type Route, route } from '../route.js'

type Deps = Pick<Services, 'analytics' | 'recaps'>

const common = { method: 'get', tags: ['analytics'], auth: 'required' } as const
const everybody = { ...common, roles } as const
const own = 'Leadership sees the company’s; csr and rep see what comes of their own conversations.'
const prewarms = ['warmed', 'already_warm', 'skipped', 'failed'] as const

interface Counted<T> {
  timezone: string
  from: string
  to: string
  found: T
}

const headOf = (
  { timezone, from, to }: Counted<unknown>,
  { role }: Actor,
  company: readonly string[] = ['leadership'],
) => ({
  timezone,
  from,
  to,
  scope: company.includes(role) ? ('company' as const) : ('own' as const),
})

/** What conversations and calls come to; the numbers are explained in docs/analytics.md. */
export const analyticsRoutes = ({ analytics, recaps }: Deps): Route[] => [
  ...perDayAndUser({ analytics }),
  ...summaries({ analytics }),
  ...recapRoutes({ recaps }),
]

const perDayAndUser = ({ analytics }: Pick<Deps, 'analytics'>): Route[] => [
  route({
    ...everybody,
    path: '/analytics/conversations',
    operationId: 'conversationsPerDay',
    summary: 'Conversations, minutes and the median prewarm of each day',
    description: `At most 366 days. ${own}`,
    request: { query: daysQuery },
    responses: { 200: { description: 'Days with conversations, the first one first', schema: daysSchema } },
    handler: async ({ query, actor }) => {
      const answer = await analytics.days(actor, query)
      const days = answer.found.map(({ medianPrewarmMs, ...rest }) => ({ ...rest, median_prewarm_ms: medianPrewarmMs }))
      const conversations = days.reduce((sum, one) => sum + one.conversations, 0)
      const minutes = Math.round(days.reduce((sum, one) => sum + one.minutes, 0) * 100) / 100
      return { status: 200, body: { ...headOf(answer, actor), conversations, minutes, days } }
    },
  }),
  route({
    ...everybody,
    path: '/analytics/users',
    operationId: 'conversationsPerUser',
    summary: 'The users with the most conversations',
    description: own,
    request: { query: usersQuery },
    responses: { 200: { description: 'The busiest first', schema: usersSchema } },
    handler: async ({ query, actor }) => {
      const answer = await analytics.users(actor, query)
      const items = answer.found.map(({ userId, email, conversations, minutes, last }) => ({
        user_id: userId,
        email,
        conversations,
        minutes,
        last_at: last?.toISOString() ?? null,
      }))
      return { status: 200, body: { ...headOf(answer, actor), items } }
    },
  }),
]

const summaries = ({ analytics }: Pick<Deps, 'analytics'>): Route[] => [
  route({
    ...everybody,
    path: '/analytics/durations',
    operationId: 'conversationDurations',
    summary: 'How long conversations took, by provider',
    description: own,
    request: { query: rangeQuery },
    responses: { 200: { description: 'Of those that are over', schema: durationsSchema } },
    handler: async ({ query, actor }) => {
      const answer = await analytics.byProvider(actor, query, ['duration'])
      const providers = [...answer.found.groups].map(([provider, one]) => ({ provider, ...presentDuration(one) }))
      return { status: 200, body: { ...headOf(answer, actor), ...presentDuration(answer.found.all), providers } }
    },
  }),
  route({
    ...everybody,
    path: '/analytics/outcomes',
    operationId: 'callOutcomes',
    summary: 'How calls came out',
    description: 'Leadership and csr see the company’s calls, a rep the own ones.',
    request: { query: rangeQuery },
    responses: { 200: { description: 'The most frequent outcome first', schema: outcomesSchema } },
    handler: async ({ query, actor }) => {
      const answer = await analytics.outcomes(actor, query)
      const outcomes = answer.found.outcomes.map((one) => ({ ...one, outcome: outcomeOf(one.outcome) }))
      const body = { ...headOf(answer, actor, ['leadership', 'csr']), calls: answer.found.calls, outcomes }
      return { status: 200, body }
    },
  }),
  route({
    ...everybody,
    path: '/analytics/prewarm',
    operationId: 'prewarmEffect',
    summary: 'What warming the model before a conversation did for it',
    description: own,
    request: { query: rangeQuery },
    responses: { 200: { description: 'By what came of the prewarm', schema: prewarmSchema } },
    handler: async ({ query, actor }) => {
      const answer = await analytics.byPrewarming(actor, query)
      const found = prewarms.flatMap((prewarm) => {
        const one = answer.found.groups.get(prewarm)
        return one ? [{ prewarm, ...presentPrewarm(one) }] : []
      })
      return { status: 200, body: { ...headOf(answer, actor), prewarms: found } }
    },
  }),
  route({
    ...everybody,
    path: '/analytics/session-quality',
    operationId: 'sessionQuality',
    summary: 'How many conversations succeed, and how soon they start',
    description: own,
    request: { query: rangeQuery },
    responses: { 200: { description: 'All together, and by provider', schema: qualitySchema } },
    handler: async ({ query, actor }) => {
      const answer = await analytics.byProvider(actor, query, ['start'])
      const providers = [...answer.found.groups].map(([provider, one]) => ({ provider, ...presentQuality(one) }))
      return { status: 200, body: { ...headOf(answer, actor), ...presentQuality(answer.found.all), providers } }
    },
  }),
]

const outcomes = ['completed', 'no_answer', 'busy', 'failed', 'open'] as const
const outcomeOf = (text: string) => outcomes.find((outcome) => outcome === text) ?? 'open'

const leadership = { ...common, roles: ['leadership'] } as const

const recapRoutes = ({ recaps }: Pick<Deps, 'recaps'>): Route[] => [
  route({
    ...leadership,
    path: '/analytics/daily-recaps',
    operationId: 'listDailyRecaps',
    summary: 'The company’s daily recaps, newest first',
    request: { query: recapsQuery },
    responses: { 200: { description: 'A page', schema: pageSchema('DailyRecap', recapSchema) } },
    handler: async ({ query: { cursor: before, limit }, actor }) =>
      presentPage(await recaps.list(actor, { before, limit }), presentRecap),
  }),
  route({
    ...leadership,
    path: '/analytics/daily-recaps/:date',
    operationId: 'getDailyRecap',
    summary: 'The recap of one day, as it was known the morning after',
    request: { params: recapParams },
    responses: { 200: { description: 'It', schema: recapSchema } },
    handler: async ({ params: { date }, actor }) => {
      const found = await recaps.find(actor, date)
      if (!found) throw new NotFoundError('no recap of that day')
      return { status: 200, body: presentRecap(found) }
    },
  }),
]
