import { z } from 'zod'
import { partnerJobKinds, partnerJobStatuses } from '../domain/partner-job.js'
import type { Services } from '../services.js'
import { idField, iso, textField } from './fields.js'
import { listQuery } from './listing.js'
import { idempotencyHeader } from './session-schema.js'

export const jobHeaders = idempotencyHeader

/** Where the partner fetches something; it must reach it without us. */
const mediaUrl = z
  .url({ protocol: /^(https?|s3)$/, error: 'must be an http, https or s3 address' })
  .max(2000)
  .meta({ description: 'The partner fetches it: http, https or s3' })

const unique = <T>(items: readonly T[], of: (item: T) => unknown) => new Set(items.map(of)).size === items.length

export const transcribeBody = z
  .strictObject({
    audio_urls: z
      .array(
        z.strictObject({
          call_id: idField('a call'),
          url: mediaUrl.optional().meta({ description: 'The call’s own recording unless said' }),
        }),
      )
      .min(1)
      .max(100)
      .refine((items) => unique(items, ({ call_id }) => call_id), 'must name each call once'),
  })
  .meta({ id: 'TranscribeBody', example: { audio_urls: [{ call_id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d01' }] } })

export const analyseBody = z.strictObject({ call_id: idField('a call') })

const content = z.string().min(1, 'must not be empty').max(200_000)
export const indexBody = z
  .strictObject({
    documents: z
      .array(
        z.union(
          [
            z.strictObject({ document_id: idField('a document'), content }),
            z.strictObject({
              name: textField(500),
              external_id: textField(200).optional().meta({ description: 'The company’s own id: one document each' }),
              content,
            }),
          ],
          'must be {document_id, content} of a known document, or {name, content} of a new one',
        ),
      )
      .min(1)
      .max(100),
  })
  .meta({ id: 'IndexBody', example: { documents: [{ name: 'Price list', content: 'Panel A costs 20.' }] } })

export const trainBody = z.strictObject({
  rep_id: idField('a user of the company'),
  media_urls: z.array(mediaUrl).min(1).max(100),
})

export const draftBody = z
  .strictObject({
    lead_id: idField('a lead').optional(),
    call_id: idField('a call').optional(),
    channel: z.enum(['call', 'sms']).default('sms'),
  })
  .refine(({ lead_id, call_id }) => (lead_id === undefined) !== (call_id === undefined), {
    message: 'must name a lead or a call, one of them',
    path: ['lead_id'],
  })
  .meta({ id: 'DraftBody', example: { lead_id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d01' } })

export const askBody = z
  .strictObject({ query: textField(4000).meta({ description: 'A question in words' }) })
  .meta({ id: 'AskBody', example: { query: 'What do customers say about our prices?' } })

export const answerSchema = z
  .object({
    request_id: z.string(),
    answer: z.string(),
    sources: z.array(z.record(z.string(), z.unknown())).meta({ description: 'As the partner names them' }),
  })
  .meta({ id: 'UwcAnswer' })

const time = z.string().nullable()

export const jobSchema = z
  .object({
    id: z.string(),
    kind: z.enum(partnerJobKinds),
    origin: z.enum(['partner', 'api', 'recording', 'transcript', 'follow_up']).meta({
      description:
        'What asked for it: a request, a recording, the transcript of one, a follow-up, or the partner itself',
    }),
    status: z.enum(partnerJobStatuses).meta({
      description: 'One that failed or timed out may still be completed by an answer that comes late',
    }),
    partner_status: z.string().nullable().meta({ description: 'The partner’s own word' }),
    request_id: z.string().nullable(),
    job_id: z.string().nullable().meta({ description: 'The partner’s id; null until it has taken the job' }),
    subjects: z.array(z.object({ type: z.enum(['call', 'document', 'rep', 'lead']), id: z.string() })),
    result: z.record(z.string(), z.unknown()),
    error: z
      .object({ code: z.string(), detail: z.string().nullable() })
      .nullable()
      .meta({ description: 'Why it ended without the partner, such as timed_out' }),
    submitted_at: time,
    completed_at: time,
    failed_at: time,
    created_at: z.string(),
    updated_at: z.string(),
  })
  .meta({ id: 'UwcJob' })

export const jobQuery = listQuery(
  {
    kind: z.enum(partnerJobKinds).optional(),
    status: z.enum(partnerJobStatuses).optional(),
    origin: z.enum(['partner', 'api', 'recording', 'transcript', 'follow_up']).optional(),
    subject: idField('a call, document, rep or lead').optional(),
  },
  ['-created_at', 'created_at'],
)

type JobRow = Awaited<ReturnType<Services['uwc']['requests']['list']>>['items'][number]

/** A job's row as it leaves the server. */
export const presentJob = (row: JobRow): z.input<typeof jobSchema> => ({
  id: row.id,
  kind: row.kind,
  origin: row.origin,
  status: row.status,
  partner_status: row.partnerStatus,
  request_id: row.requestId,
  job_id: row.jobId,
  subjects:
    row.subjects.length > 0 || row.subjectType === null || row.subjectId === null
      ? row.subjects
      : [{ type: row.subjectType, id: row.subjectId }],
  result: row.result,
  error: row.error === null ? null : { code: row.error, detail: row.errorDetail },
  submitted_at: iso(row.submittedAt),
  completed_at: iso(row.completedAt),
  failed_at: iso(row.failedAt),
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString(),
})
