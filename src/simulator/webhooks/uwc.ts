import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { type OutgoingWebhook, type Script, type ScriptContext, spread } from './event.js'
import { plainId } from './ids.js'

const id = z.string().min(1).max(200)

/** POST /__sim/webhooks/uwc: the answers to one job of the ML partner. */
export const uwcSchema = z.strictObject({
  kind: z.enum(['asr', 'rag', 'training', 'analysis', 'followup']),
  company_id: id,
  job_id: id.optional(),
  request_id: id.optional(),
  call_id: id.optional(),
  document_id: id.optional(),
  rep_id: id.optional(),
  lead_id: id.optional(),
  /** One webhook each. */
  statuses: z.array(z.string().min(1).max(100)).min(1).max(10).default(['completed']),
  data: z.record(z.string(), z.unknown()).optional(),
  /** Subject and result stand at the top, or all of it under `data`. */
  flat: z.boolean().default(true),
  span_ms: z.number().min(0).max(600_000).default(500),
})
type Input = z.output<typeof uwcSchema>

const routes = {
  asr: 'asr/complete',
  rag: 'rag/indexed',
  training: 'training/status',
  analysis: 'analysis/complete',
  followup: 'followup/draft',
} as const

const results: Record<Input['kind'], Record<string, unknown>> = {
  asr: { transcript: 'Hello. Thursday, please.', minutes: 1.02, language: 'en' },
  rag: { chunks: 12, tokens: 4096 },
  training: { progress: 1, epochs: 3 },
  analysis: { sentiment: 0.4, topics: ['scheduling'], tokens: 812 },
  followup: { draft: 'Thank you for your time. See you on Thursday.', tokens: 64 },
}

/** A job's webhooks, one for each status. */
export function uwcScript(input: Input, { now }: ScriptContext): Script {
  const jobId = input.job_id ?? randomUUID()
  return {
    steps: spread(
      input.span_ms,
      input.statuses.map((status, index) => told(status, now + index)),
    ),
    subjects: [],
  }

  function told(status: string, at: number): OutgoingWebhook {
    const { kind, company_id, request_id, call_id, document_id, rep_id, lead_id } = input
    const eventId = plainId('msg_', 27)
    const route = routes[kind]
    const envelope = { type: route.replace('/', '.'), event_id: eventId }
    const about = { job_id: jobId, request_id, company_id, status, timestamp: new Date(at).toISOString() }
    const subject = { call_id, document_id, rep_id, lead_id }
    const data = input.data ?? (status === 'failed' ? { error: 'the audio could not be read' } : results[kind])
    const body = input.flat
      ? { ...envelope, ...about, ...subject, data }
      : { ...envelope, timestamp: about.timestamp, data: { ...about, ...subject, ...data } }
    return {
      kind: route,
      externalId: jobId,
      eventId,
      path: `/webhooks/uwc/${route}`,
      contentType: 'application/json',
      body: JSON.stringify(body),
    }
  }
}
