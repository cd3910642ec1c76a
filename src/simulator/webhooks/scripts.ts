import { z } from 'zod'
import { blandSchema, blandScript } from './bland.js'
import { callrailSchema, callrailScript } from './callrail.js'
import { clerkSchema, clerkScript } from './clerk.js'
import { elevenlabsSchema, elevenlabsScript } from './elevenlabs.js'
import type { OutgoingWebhook, Script, ScriptContext, WebhookSender } from './event.js'
import { livekitSchema, livekitScript } from './livekit.js'
import { twilioSchema, twilioScript } from './twilio.js'
import { unprocessable } from './unprocessable.js'
import { uwcSchema, uwcScript } from './uwc.js'

/** How all copies of the events of one request are sent. */
const optionsSchema = z
  .strictObject({
    /** So many more copies at the same instant. */
    duplicates: z.int().min(0).max(20).default(0),
    delay_ms: z.number().min(0).max(600_000).default(0),
    bad_signature: z.boolean().default(false),
    /** Changed after it was signed. */
    tampered: z.boolean().default(false),
    unsigned: z.boolean().default(false),
    /** Added to the time that is signed. */
    skew_seconds: z.int().min(-31_536_000).max(31_536_000).default(0),
    /** The partner's older header form. */
    legacy_signature: z.boolean().default(false),
  })
  .prefault({})

export type SendOptions = z.output<typeof optionsSchema>

const eventSchema = z.strictObject({
  kind: z.string().min(1).max(200),
  path: z.string().regex(/^\/[\w\-/]*$/, 'must be a path such as /webhooks/clerk'),
  external_id: z.string().min(1).max(200),
  event_id: z.string().min(1).max(200).optional(),
  content_type: z.string().min(1).max(200).default('application/json'),
  query: z.string().max(2000).optional(),
  /** Text is sent as it is, anything else as JSON. */
  body: z.unknown(),
})

type Schema = typeof twilioSchema | typeof livekitSchema
type Entry = { schema: Schema; write: (input: never, context: ScriptContext) => Script }

const entry = <S extends z.ZodType>(schema: S, write: (input: z.output<S>, context: ScriptContext) => Script) =>
  ({ schema, write }) as unknown as Entry

const scripts: Record<WebhookSender, Entry> = {
  elevenlabs: entry(elevenlabsSchema, elevenlabsScript),
  livekit: entry(livekitSchema, livekitScript),
  twilio: entry(twilioSchema, twilioScript),
  callrail: entry(callrailSchema, callrailScript),
  clerk: entry(clerkSchema, clerkScript),
  bland: entry(blandSchema, blandScript),
  uwc: entry(uwcSchema, uwcScript),
}

/**
 * What POST /__sim/webhooks/<provider> asks for: one event as it is given, or a life from its few words.
 * @throws Unprocessable naming every field that is wrong
 */
export function readRequest(
  provider: WebhookSender,
  body: unknown,
  context: ScriptContext,
): { script: Script; options: SendOptions } {
  const { options: given, ...rest } = fieldsOf(body)
  const options = unprocessable(optionsSchema, given, ['options'])
  if ('event' in rest)
    return { script: single(unprocessable(z.strictObject({ event: eventSchema }), rest).event), options }
  const { schema, write } = scripts[provider]
  return { script: write(unprocessable(schema as z.ZodType, rest) as never, context), options }
}

const fieldsOf = (body: unknown): Record<string, unknown> =>
  typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...body } : {}

function single(event: z.output<typeof eventSchema>): Script {
  const { kind, path, external_id, event_id, content_type, query, body } = event
  const webhook: OutgoingWebhook = {
    kind,
    path,
    externalId: external_id,
    contentType: content_type,
    body: typeof body === 'string' ? body : JSON.stringify(body ?? null),
    ...(event_id === undefined ? {} : { eventId: event_id }),
    ...(query === undefined ? {} : { query }),
  }
  return { steps: [{ afterMs: 0, webhook }], subjects: [] }
}
