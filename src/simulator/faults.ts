import { z } from 'zod'
import { parse } from './invalid.js'
import type { Random } from './random.js'
import { type WebhookSender, webhookSenders } from './webhooks/event.js'

/** Of the other providers: what is only read, signed URLs of ElevenLabs, and what reaches people. */
const apisOfOthers = [
  'twilio',
  'livekit',
  'elevenlabs',
  'signed_url',
  'sms_create',
  'sms_read',
  'call_create',
  'call_read',
] as const
/** The ML partner: a job begun, a job asked for, a question. */
const apisOfUwc = ['uwc_submit', 'uwc_status', 'uwc_ask'] as const
const apiKinds = ['latency', 'status', 'lost_answer', 'reset'] as const
const callbackKinds = ['lost', 'duplicate', 'reorder', 'forged_token', 'delay'] as const
const webhookKinds = ['lost', 'duplicate', 'reorder', 'bad_signature', 'delay'] as const
const apiOperations = ['create', 'get', 'list', 'end', 'delete', 'llm', ...apisOfOthers, ...apisOfUwc, 'any'] as const

export type ApiOperation = Exclude<(typeof apiOperations)[number], 'any'>

const common = {
  rate: z.number().min(0).max(1).default(1),
  times: z.int().min(1).optional(),
  delay_ms: z.number().min(0).max(600_000).optional(),
}

const apiFault = z.strictObject({
  ...common,
  operation: z.enum(apiOperations),
  kind: z.enum(apiKinds),
  status: z.int().min(400).max(599).default(503),
  body: z.unknown().optional(),
  retry_after: z.number().min(0).optional(),
})

const callbackFault = z.strictObject({
  ...common,
  operation: z.literal('callback'),
  kind: z.enum(callbackKinds),
  event_type: z.string().min(1).optional(),
})

const webhookFault = z.strictObject({
  ...common,
  operation: z.literal('webhook'),
  kind: z.enum(webhookKinds),
  provider: z.enum(webhookSenders).optional(),
  event_type: z.string().min(1).optional(),
})

const faultSchema = z.discriminatedUnion('operation', [apiFault, callbackFault, webhookFault])

/** A fault to arm, as POST /__sim/faults takes it. */
export type FaultInput = z.input<typeof faultSchema>
interface Armed {
  id: number
  hits: number
  remaining: number | null
}
export type ApiFault = z.output<typeof apiFault> & Armed
export type CallbackFault = z.output<typeof callbackFault> & Armed
export type WebhookFault = z.output<typeof webhookFault> & Armed
export type Fault = ApiFault | CallbackFault | WebhookFault

/** The provider's bad days, by rate or a number of times. */
export function createFaults(random: Random) {
  let armed: Fault[] = []
  let lastId = 0

  function hits(fault: Fault): boolean {
    if (!random.chance(fault.rate)) return false
    fault.hits += 1
    if (fault.remaining !== null && --fault.remaining === 0) armed = armed.filter((other) => other !== fault)
    return true
  }

  return {
    add(input: unknown): Fault {
      const fault = parse(faultSchema, input)
      const added: Fault = { ...fault, id: ++lastId, hits: 0, remaining: fault.times ?? null }
      armed = [...armed, added]
      return added
    },
    list: (): readonly Fault[] => armed,
    remove(id: number): boolean {
      const before = armed.length
      armed = armed.filter((fault) => fault.id !== id)
      return armed.length < before
    },
    clear(): void {
      armed = []
    },
    /** The fault that strikes this request; the first of those armed that does. */
    strikeRequest: (operation: ApiOperation): ApiFault | undefined =>
      armed.find((fault): fault is ApiFault => concerns(fault, operation) && hits(fault)),
    /** All faults that strike this callback: they add up. */
    strikeCallback: (eventType: string): CallbackFault[] =>
      armed.filter(
        (fault): fault is CallbackFault =>
          fault.operation === 'callback' && (fault.event_type ?? eventType) === eventType && hits(fault),
      ),
    /** All faults that strike this webhook of another provider. */
    strikeWebhook: (provider: WebhookSender, kind: string): WebhookFault[] =>
      armed.filter(
        (fault): fault is WebhookFault =>
          fault.operation === 'webhook' &&
          (fault.provider ?? provider) === provider &&
          (fault.event_type ?? kind) === kind &&
          hits(fault),
      ),
  }
}

export type Faults = ReturnType<typeof createFaults>

const concerns = (fault: Fault, operation: ApiOperation) => fault.operation === operation || fault.operation === 'any'
