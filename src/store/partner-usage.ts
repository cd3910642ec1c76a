import type { JobPart, JobParts } from '../domain/partner-job.js'
import { plausibleTokens, type Usage } from '../domain/usage.js'
import type { PartnerJobKind } from '../domain/webhook.js'

/** More than a call has; beyond it somebody's numbers are no minutes. */
const mostMinutes = 24 * 60

/** What the parts that are completed now and were not before used: each is counted once. */
export function usageOfParts(kind: PartnerJobKind, before: JobParts, after: JobParts): Usage | undefined {
  const isNew = ([key, part]: [string, JobPart]) => part.status === 'completed' && before[key]?.status !== 'completed'
  const done = Object.entries(after).filter(isNew)
  // The whole of a job whose things were told one by one says the same again.
  const counted = Object.keys(after).length > 1 ? done.filter(([key]) => key !== '') : done
  const all = counted.map(([, { data }]) => usageOfResult(kind, data))
  const asrMinutes = all.reduce((sum, usage) => sum + (usage.asrMinutes ?? 0), 0)
  const llmTokens = all.flatMap((usage) => usage.llmTokens ?? [])
  if (asrMinutes === 0 && llmTokens.length === 0) return undefined
  return { ...(asrMinutes > 0 ? { asrMinutes } : {}), ...(llmTokens.length > 0 ? { llmTokens } : {}) }
}

/** What one result of the partner says was used: `minutes` or `duration_seconds` of speech, `tokens` of `model`. */
export function usageOfResult(kind: PartnerJobKind | 'ask', data: Record<string, unknown>): Usage {
  const minutes = kind === 'asr' ? minutesOf(data) : 0
  const { model, tokens } = data
  const amount = isAmount(tokens) ? tokens : sumOf(tokens)
  const llmTokens = plausibleTokens([{ model: typeof model === 'string' ? model : 'uwc', tokens: amount }])
  return {
    ...(minutes > 0 ? { asrMinutes: minutes } : {}),
    ...(llmTokens.length > 0 ? { llmTokens } : {}),
  }
}

function minutesOf({ minutes, duration_seconds: seconds }: Record<string, unknown>): number {
  const told = isAmount(minutes) ? minutes : isAmount(seconds) ? seconds / 60 : 0
  return told <= mostMinutes ? told : 0
}

/** Read and written apart. */
const sumOf = (tokens: unknown): number =>
  typeof tokens === 'object' && tokens !== null
    ? Object.values(tokens)
        .filter(isAmount)
        .reduce((sum, one) => sum + one, 0)
    : 0

const isAmount = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value < 1e9
