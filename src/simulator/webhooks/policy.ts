import type { Config } from '../config.js'
import type { OutgoingWebhook, WebhookSender } from './event.js'
import type { Attempt } from './record.js'

/** How a provider hands over: what it waits for, and what it does when that fails. */
export interface Policy {
  connectTimeoutMs: number
  timeoutMs: number
  /** Waits before the second attempt, the third, and so on. */
  delaysMs: readonly number[]
  retries: (attempt: Attempt) => boolean
  /** Each attempt has its own time and signature. */
  signsAnew: boolean
  /** Retry-After is honoured. */
  waitsAsAsked: boolean
}

/** The part of the settings that retries depend on. */
export type RetrySettings = Pick<
  Config,
  'webhook_retry_scale' | 'elevenlabs_retries' | 'twilio_overrides' | 'bland_retry_delays_ms'
>

const seconds = (...values: number[]) => values.map((value) => value * 1000)
const minutes = (...values: number[]) => values.map((value) => value * 60_000)
const hours = (...values: number[]) => values.map((value) => value * 3_600_000)

/** docs.svix.com/retries. */
const svixLadder = [...seconds(5), ...minutes(5, 30), ...hours(2, 5, 10, 10)]
/** The schedule that the specification of Standard Webhooks gives as an example. */
const standardLadder = [...seconds(5), ...minutes(5, 30), ...hours(2, 5, 10, 14, 20, 24)]
/** elevenlabs.io/docs/eleven-api/resources/webhooks. */
const elevenlabsLadder = [...seconds(30), ...minutes(2, 8, 30)]
/** LiveKit's notifier, measured: attempts at 0, 1, 3, 7 and 15 s. */
const livekitDelays = seconds(1, 2, 4, 8)

const is2xx = ({ status }: Attempt) => status !== null && status >= 200 && status < 300
const is = (attempt: Attempt, ...statuses: number[]) => attempt.status !== null && statuses.includes(attempt.status)
const is5xx = ({ status }: Attempt) => status !== null && status >= 500
const never = () => false

const plain = { connectTimeoutMs: 10_000, signsAnew: false, waitsAsAsked: false }

/** The habits of one provider for one webhook, under these settings. */
export function policyOf(provider: WebhookSender, webhook: OutgoingWebhook, settings: RetrySettings): Policy {
  const scaled = (ladder: readonly number[]) => ladder.map((ms) => ms * settings.webhook_retry_scale)
  switch (provider) {
    case 'callrail':
      return { ...plain, timeoutMs: 10_000, delaysMs: [], retries: never }
    case 'twilio':
      return twilioPolicy(settings.twilio_overrides)
    case 'livekit':
      return {
        ...plain,
        timeoutMs: 10_000,
        delaysMs: livekitDelays,
        waitsAsAsked: true,
        retries: (attempt) => attempt.failure !== null || is(attempt, 429) || (is5xx(attempt) && !is(attempt, 501)),
      }
    case 'clerk':
    case 'uwc':
      return {
        ...plain,
        timeoutMs: 15_000,
        delaysMs: scaled(provider === 'clerk' ? svixLadder : standardLadder),
        signsAnew: true,
        // Also a redirect is a failure.
        retries: (attempt) => !is2xx(attempt) && !(provider === 'uwc' && is(attempt, 410)),
      }
    case 'bland':
      return {
        ...plain,
        timeoutMs: 10_000,
        delaysMs: settings.bland_retry_delays_ms,
        retries: (attempt) => attempt.status === null || attempt.status >= 400,
      }
    case 'elevenlabs':
      return {
        ...plain,
        timeoutMs: 30_000,
        delaysMs:
          settings.elevenlabs_retries && webhook.kind === 'post_call_transcription' ? scaled(elevenlabsLadder) : [],
        retries: (attempt) => is5xx(attempt) || is(attempt, 408, 429),
      }
  }
}

/** Twilio's `#rc=…&rp=…` of the configured address (twilio.com/docs/usage/webhooks/webhooks-connection-overrides). */
export function twilioPolicy(overrides: string): Policy {
  const given = new URLSearchParams(overrides)
  const on = (given.get('rp') ?? 'ct').split(',')
  const count = Math.min(5, Number(given.get('rc') ?? 1))
  const ms = (name: string, usual: number) => Math.min(15_000, Math.max(100, Number(given.get(name) ?? usual)))
  const wants = (what: string) => on.includes(what) || on.includes('all')
  return {
    ...plain,
    connectTimeoutMs: ms('ct', 5000),
    timeoutMs: Math.min(ms('rt', 15_000), ms('tt', 15_000)),
    delaysMs: Array.from({ length: count }, () => 0),
    retries: (attempt) => {
      if (attempt.failure === 'connect') return wants('ct')
      if (attempt.failure !== null) return wants('rt')
      if (is5xx(attempt)) return wants('5xx')
      return (attempt.status ?? 0) >= 400 && wants('4xx')
    },
  }
}
