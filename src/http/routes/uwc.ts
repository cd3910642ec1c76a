import { z } from 'zod'
import { NotFoundError } from '../../domain/errors.js'
import { type Actor, type Role, roles } from '../../domain/identity.js'
import type { UwcFeature } from '../../domain/partner-job.js'
import type { Services } from '../../services.js'
import { idField } from '../fields.js'
import { pageRequest, pageSchema, presentPage } from '../listing.js'
import { type Route, route } from '../route.js'
import {
  analyseBody,
  answerSchema,
  askBody,
  draftBody,
  indexBody,
  jobHeaders,
  jobQuery,
  jobSchema,
  presentJob,
  trainBody,
  transcribeBody,
} from '../uwc-schema.js'

type Deps = Pick<Services, 'uwc'>
type Requested = Awaited<ReturnType<Services['uwc']['requests']['train']>>

const office: readonly Role[] = ['leadership', 'csr']
const leadership: readonly Role[] = ['leadership']
const noStore = { 'Cache-Control': 'no-store' }
const jobParams = z.object({ id: idField('a job') })
const disabled = { 404: { description: 'Switched off, or something that it names is not the caller’s' } }
const notConfigured = { 503: { description: 'No account of the partner is configured' } }

const accepted = {
  202: { description: 'To be done', schema: jobSchema, headers: { Location: 'The job' } },
  200: {
    description: 'Asked for by an earlier request under the same key',
    schema: jobSchema,
    headers: { Location: 'The job', 'Idempotent-Replayed': '"true"' },
  },
  ...disabled,
  ...notConfigured,
}

/** What the ML partner does for a company: jobs that it answers later, and questions that it answers now. */
export function uwcRoutes({ uwc }: Deps): Route[] {
  /** Whether a job is begun now or a moment later is no matter of the answer: its row is written. */
  async function answer({ tenantId }: Actor, { row, created }: Requested) {
    const location = { ...noStore, Location: `/api/uwc/jobs/${row.id}` }
    if (!created)
      return { status: 200 as const, headers: { ...location, 'Idempotent-Replayed': 'true' }, body: presentJob(row) }
    await uwc.begin({ ...row, tenantId })
    return { status: 202 as const, headers: location, body: presentJob(row) }
  }

  const job = <const B extends z.ZodType>(
    definition: {
      path: string
      operationId: string
      summary: string
      description?: string
      feature: UwcFeature
      roles: readonly Role[]
      body: B
    },
    request: (actor: Actor, body: z.output<B>, idempotencyKey: string | undefined) => Promise<Requested>,
  ): Route => {
    const { feature, body, ...rest } = definition
    return route({
      ...rest,
      method: 'post',
      tags: ['uwc'],
      auth: 'required',
      available: () => uwc.assertAvailable(feature),
      request: { headers: jobHeaders, body },
      responses: accepted,
      handler: async (incoming) => {
        const { actor, headers } = incoming
        return await answer(actor, await request(actor, incoming.body as z.output<B>, headers['idempotency-key']))
      },
    })
  }

  return [
    job(
      {
        path: '/api/uwc/asr',
        operationId: 'transcribeCalls',
        summary: 'Transcribe recordings of calls',
        description: 'A recording that comes with a call is transcribed by itself; this is for others, or once more.',
        feature: 'asr',
        roles: office,
        body: transcribeBody,
      },
      (actor, { audio_urls }, idempotencyKey) =>
        uwc.requests.transcribe(actor, {
          idempotencyKey,
          audio: audio_urls.map(({ call_id: callId, url }) => ({ callId, url })),
        }),
    ),
    job(
      {
        path: '/api/uwc/analysis',
        operationId: 'analyseCall',
        summary: 'Analyse a call that was transcribed',
        feature: 'asr',
        roles: office,
        body: analyseBody,
      },
      (actor, { call_id: callId }, idempotencyKey) => uwc.requests.analyse(actor, { idempotencyKey, callId }),
    ),
    job(
      {
        path: '/api/uwc/documents',
        operationId: 'indexDocuments',
        summary: 'Index documents, so that questions are answered from them',
        feature: 'rag',
        roles: leadership,
        body: indexBody,
      },
      (actor, { documents }, idempotencyKey) =>
        uwc.requests.index(actor, {
          idempotencyKey,
          documents: documents.map((document) =>
            'document_id' in document
              ? { id: document.document_id, content: document.content }
              : { name: document.name, externalId: document.external_id, content: document.content },
          ),
        }),
    ),
    job(
      {
        path: '/api/uwc/training',
        operationId: 'trainRep',
        summary: 'Train for a rep from recordings',
        feature: 'training',
        roles: leadership,
        body: trainBody,
      },
      (actor, { rep_id: repId, media_urls: mediaUrls }, idempotencyKey) =>
        uwc.requests.train(actor, { idempotencyKey, repId, mediaUrls }),
    ),
    job(
      {
        path: '/api/uwc/followups',
        operationId: 'draftFollowUp',
        summary: 'Draft a follow-up to a lead, or to a call; nothing is sent to anybody',
        feature: 'followups',
        roles,
        body: draftBody,
      },
      (actor, { lead_id, call_id, channel }, idempotencyKey) =>
        uwc.requests.draft(actor, {
          idempotencyKey,
          channel,
          subject: lead_id === undefined ? { type: 'call', id: call_id ?? '' } : { type: 'lead', id: lead_id },
        }),
    ),
    route({
      method: 'post',
      path: '/api/ask',
      operationId: 'ask',
      summary: 'Ask a question of the company’s documents',
      tags: ['uwc'],
      auth: 'required',
      roles,
      available: () => uwc.assertAvailable('rag'),
      request: { body: askBody },
      responses: {
        200: { description: 'The answer', schema: answerSchema },
        404: { description: 'Switched off' },
        429: { description: 'Too many requests of this user, company or address, or of us to the partner' },
        502: { description: 'The partner failed' },
        503: { description: 'The partner cannot be reached, or no account of it is configured' },
      },
      handler: async ({ actor, body, signal }) => {
        const { requestId, answer: text, sources } = await uwc.ask(actor, body.query, signal)
        return { status: 200, headers: noStore, body: { request_id: requestId, answer: text, sources } }
      },
    }),
    route({
      method: 'get',
      path: '/api/uwc/jobs',
      operationId: 'listUwcJobs',
      summary: 'Jobs of the ML partner, newest first; a rep sees those it asked for and those about it',
      tags: ['uwc'],
      auth: 'required',
      roles,
      request: { query: jobQuery },
      responses: { 200: { description: 'A page', schema: pageSchema('UwcJob', jobSchema) } },
      handler: async ({ query, actor }) => presentPage(await uwc.requests.list(actor, pageRequest(query)), presentJob),
    }),
    route({
      method: 'get',
      path: '/api/uwc/jobs/:id',
      operationId: 'getUwcJob',
      summary: 'One job and what came of it',
      tags: ['uwc'],
      auth: 'required',
      roles,
      request: { params: jobParams },
      responses: { 200: { description: 'The job', schema: jobSchema } },
      handler: async ({ params, actor }) => {
        const row = await uwc.requests.find(actor, params.id)
        if (!row) throw new NotFoundError('no such job')
        return { status: 200, headers: noStore, body: presentJob(row) }
      },
    }),
  ]
}
