import { z } from 'zod'
import type { Services } from '../services.js'
import { iso, shownTime } from './fields.js'

const day = z.iso
  .date('must be a day such as 2026-11-21')
  .refine((text) => text >= '2000-01-01' && text < '2200-01-01', 'must be within the years 2000 to 2199')

const range = {
  from: day.optional().meta({ description: 'First day, of the company’s time zone; 30 days before `to` unless said' }),
  to: day.optional().meta({ description: 'The day after the last; tomorrow unless said' }),
}

const provider = z.enum(['tavus', 'elevenlabs'])

export const rangeQuery = z.strictObject(range)
export const daysQuery = z.strictObject({ ...range, provider: provider.optional() })
export const usersQuery = z.strictObject({ ...range, limit: z.coerce.number().int().min(1).max(1000).default(20) })
export const recapsQuery = z.strictObject({
  cursor: day.optional().meta({ description: 'The `next_cursor` of the page before' }),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})
export const recapParams = z.object({ date: day })

const share = z.number().min(0).max(1)
const counted = {
  timezone: z.string().meta({ description: 'In which the days begin' }),
  from: z.string(),
  to: z.string().meta({ description: 'The day after the last' }),
  scope: z
    .enum(['company', 'own'])
    .meta({ description: 'Whose rows were counted: the company’s, or the caller’s own' }),
}

export const daysSchema = z
  .object({
    ...counted,
    conversations: z.int(),
    minutes: z.number(),
    days: z.array(
      z.object({
        date: z.string(),
        provider,
        conversations: z.int(),
        minutes: z.number(),
        median_prewarm_ms: z.int().nullable(),
      }),
    ),
  })
  .meta({ id: 'ConversationDays' })

export const usersSchema = z
  .object({
    ...counted,
    items: z.array(
      z.object({
        user_id: z.string(),
        email: z.string().nullable().meta({ description: 'null for one who is no user of the company' }),
        conversations: z.int(),
        minutes: z.number(),
        last_at: shownTime.nullable().meta({ description: 'The last one of all, within the days or not' }),
      }),
    ),
  })
  .meta({ id: 'ConversationsPerUser' })

const milliseconds = z.int().nullable()
const duration = {
  ended: z.int(),
  minutes: z.number(),
  mean_seconds: z.number().nullable(),
  median_seconds: z.int().nullable(),
  p95_seconds: z.int().nullable(),
}
export const durationsSchema = z
  .object({ ...counted, ...duration, providers: z.array(z.object({ provider, ...duration })) })
  .meta({ id: 'ConversationDurations' })

export const outcomesSchema = z
  .object({
    ...counted,
    calls: z.int(),
    outcomes: z.array(
      z.object({
        outcome: z.enum(['completed', 'no_answer', 'busy', 'failed', 'open']),
        calls: z.int(),
        share,
        minutes: z.number(),
      }),
    ),
  })
  .meta({ id: 'CallOutcomeDistribution' })

const quality = {
  conversations: z.int(),
  ended: z.int(),
  success_rate: share.nullable(),
  abandoned_share: share.nullable(),
  failed_share: share.nullable(),
  median_start_ms: milliseconds,
  p95_start_ms: milliseconds,
}
export const qualitySchema = z
  .object({ ...counted, ...quality, providers: z.array(z.object({ provider, ...quality })) })
  .meta({ id: 'SessionQuality' })

export const prewarmSchema = z
  .object({
    ...counted,
    prewarms: z.array(
      z.object({
        prewarm: z.enum(['warmed', 'already_warm', 'skipped', 'failed']),
        ...quality,
        median_prewarm_ms: milliseconds,
        p95_prewarm_ms: milliseconds,
        median_join_ms: milliseconds.meta({ description: 'From creation until the avatar is in the room' }),
        p95_join_ms: milliseconds,
      }),
    ),
  })
  .meta({ id: 'PrewarmEffect' })

const counts = z.record(z.string(), z.int())

export const recapSchema = z
  .object({
    date: z.string(),
    timezone: z.string(),
    created_at: shownTime,
    conversations: z.object({
      total: z.int(),
      ended: z.int(),
      minutes: z.number(),
      success_rate: share.nullable(),
      abandoned_share: share.nullable(),
      median_start_ms: milliseconds,
      by_provider: counts,
    }),
    calls: z.object({ total: z.int(), minutes: z.number(), by_outcome: counts }),
    call_analysis: z
      .object({
        transcribed: z.int(),
        analysed: z.int(),
        mean_sentiment: z.number().nullable(),
        topics: z.array(z.object({ topic: z.string(), calls: z.int() })),
      })
      .optional()
      .meta({ description: 'What the ML partner made of the day’s calls; absent when it made nothing' }),
  })
  .meta({ id: 'DailyRecap' })

type Analytics = Services['analytics']
type Summary = Awaited<ReturnType<Analytics['byProvider']>>['found']['all']
type Row = NonNullable<Awaited<ReturnType<Services['recaps']['find']>>>

export const presentDuration = ({ ended, minutes, meanSeconds, durationSeconds: { median, p95 } }: Summary) => ({
  ended,
  minutes,
  mean_seconds: meanSeconds,
  median_seconds: median,
  p95_seconds: p95,
})

export const presentQuality = ({ conversations, ended, failed, successRate, abandonedShare, startMs }: Summary) => ({
  conversations,
  ended,
  success_rate: successRate,
  abandoned_share: abandonedShare,
  failed_share: ended === 0 ? null : Math.round((failed / ended) * 10_000) / 10_000,
  median_start_ms: startMs.median,
  p95_start_ms: startMs.p95,
})

export const presentPrewarm = (summary: Summary) => ({
  ...presentQuality(summary),
  median_prewarm_ms: summary.prewarmMs.median,
  p95_prewarm_ms: summary.prewarmMs.p95,
  median_join_ms: summary.joinMs.median,
  p95_join_ms: summary.joinMs.p95,
})

export const presentRecap = ({ date, timezone, createdAt, recap }: Row): z.input<typeof recapSchema> => ({
  date,
  timezone,
  created_at: iso(createdAt) ?? '',
  ...recap,
})
