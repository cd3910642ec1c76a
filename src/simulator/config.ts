import { z } from 'zod'
import { parse } from './invalid.js'
import type { Range } from './random.js'

const milliseconds = z.number().min(0).max(86_400_000)

const range = z
  .union([milliseconds, z.tuple([milliseconds, milliseconds]).refine(([min, max]) => min <= max, 'min is above max')], {
    error: 'must be milliseconds, or [min, max] of them',
  })
  .transform((value): Range => (typeof value === 'number' ? [value, value] : value))

const webAddress = z
  .url({ protocol: /^https?$/, error: 'must be an http or https address' })
  .transform((url) => url.replace(/\/+$/, ''))

const settings = z.strictObject({
  join_delay_ms: range,
  shutdown_delay_ms: range,
  transcript_delay_ms: range,
  recording_delay_ms: range,
  perception_delay_ms: range,
  perception_rate: z.number().min(0).max(1),
  /** A talk goes into the transcript although nobody opened the room's page; off, as it would be at the provider. */
  assume_human: z.boolean(),
  create_latency_ms: range,
  api_latency_ms: range,
  callback_before_answer: z.boolean(),
  callback_retries: z.int().min(0).max(20),
  callback_timeout_ms: milliseconds.min(1),
  max_concurrent: z.int().min(0).nullable(),
  out_of_credits: z.boolean(),
  api_key: z.string().min(1),
  llm_api_key: z.string().min(1).nullable(),
  llm_cold_ms: range,
  llm_warm_seconds: z.number().min(0),
  llm_token_ms: range,
  /** Base address of who receives the other providers' webhooks, without a trailing slash. */
  webhook_target: webAddress.nullable(),
  /** The same as those providers know it; webhook_target when null. Twilio signs it. */
  webhook_signed_base: webAddress.nullable(),
  /** Retry schedules of hours and days are multiplied by this. */
  webhook_retry_scale: z.number().min(0).max(1),
  elevenlabs_retries: z.boolean(),
  /** Agents that the account has beside the one that the application is configured with. */
  elevenlabs_agents: z.array(z.string().min(1).max(200)).max(100),
  /** How long a signed URL can begin a conversation. */
  signed_url_seconds: z.number().min(0).max(900),
  /** The agents' own maximum. */
  agent_max_seconds: z.number().min(0.1).max(86_400),
  /** From the end until the analysis is done, and until each of the webhooks. */
  agent_processing_ms: range,
  agent_webhook_ms: range,
  agent_audio: z.boolean(),
  /** As in the fragment of an address configured at Twilio: rc=3&rp=5xx,ct,rt. */
  twilio_overrides: z.string().max(200),
  bland_retry_delays_ms: z.array(milliseconds).max(20),
  /** So many failures in a row end CallRail's webhooks. */
  callrail_disable_after: z.int().min(1).nullable(),
  /** How long a job of the ML partner takes, and how many of them fail. */
  uwc_job_ms: range,
  uwc_failure_rate: z.number().min(0).max(1),
})

const patchSchema = settings.partial()

export type Config = z.output<typeof settings>
/** Settings to change; a delay is milliseconds or [min, max]. */
export type ConfigPatch = z.input<typeof patchSchema>

const defaults: Omit<Config, 'api_key'> = {
  join_delay_ms: [2000, 6000],
  shutdown_delay_ms: [20, 120],
  transcript_delay_ms: [300, 1500],
  recording_delay_ms: [2000, 6000],
  perception_delay_ms: [3000, 8000],
  perception_rate: 0.3,
  assume_human: false,
  create_latency_ms: [0, 0],
  api_latency_ms: [0, 0],
  callback_before_answer: false,
  // No retry is documented (docs.tavus.io webhooks-and-callbacks).
  callback_retries: 0,
  callback_timeout_ms: 10_000,
  max_concurrent: null,
  out_of_credits: false,
  llm_api_key: null,
  llm_cold_ms: [8000, 8000],
  llm_warm_seconds: 300,
  llm_token_ms: [20, 40],
  webhook_target: null,
  webhook_signed_base: null,
  // A ladder of 27 hours becomes one of 100 seconds.
  webhook_retry_scale: 0.001,
  // Off by default there as well (elevenlabs.io/docs, webhooks).
  elevenlabs_retries: false,
  elevenlabs_agents: [],
  // elevenlabs.io/docs/eleven-agents/customization/authentication.
  signed_url_seconds: 900,
  agent_max_seconds: 600,
  agent_processing_ms: [500, 1500],
  agent_webhook_ms: [1000, 5000],
  agent_audio: true,
  twilio_overrides: '',
  // Count and spacing are documented nowhere.
  bland_retry_delays_ms: [1000, 5000, 15_000, 30_000],
  callrail_disable_after: null,
  uwc_job_ms: [300, 1500],
  uwc_failure_rate: 0,
}

/** The settings in force; reset goes back to those of the start. */
export function createSettings(apiKey: string, initial: ConfigPatch = {}) {
  const start = { ...defaults, api_key: apiKey, ...given(initial) }
  const config: Config = { ...start }
  return {
    config,
    configure: (patch: unknown): Config => Object.assign(config, given(patch)),
    reset: (): Config => Object.assign(config, start),
  }
}

export type Settings = ReturnType<typeof createSettings>

const given = (patch: unknown) => {
  const entries = Object.entries(parse(patchSchema, patch)).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Partial<Config>
}
