import { z } from 'zod'
import { NotFoundError } from '../../domain/errors.js'
import { type Actor, roles } from '../../domain/identity.js'
import type { Services } from '../../services.js'
import {
  callBody,
  callChange,
  callQuery,
  callSchema,
  outcomeSchema,
  presentCall,
  presentOutcome,
} from '../call-schema.js'
import {
  changed,
  changeHeaders,
  changeResponses,
  created,
  found,
  preconditionOf,
  readHeaders,
  readResponses,
} from '../etag.js'
import { idField } from '../fields.js'
import { pageRequest, pageSchema, presentPage } from '../listing.js'
import { assertMayAssign } from '../ownership.js'
import { onceHeaders } from '../once.js'
import { type Route, route } from '../route.js'

interface Deps {
  calls: Pick<Services['calls'], 'createOnce' | 'find' | 'list' | 'change'>
}

const callId = z.object({ call_id: idField('a call') })
const madeHeaders = { Location: 'The call', ETag: 'This state of it, for If-Match' }
const office = ['leadership', 'csr'] as const
const noStore = { 'Cache-Control': 'no-store' }

type MadeCall = Awaited<ReturnType<Services['calls']['create']>>

function answerOf({ row, created: isNew }: MadeCall) {
  const answer = created(row, presentCall, `/calls/${row.id}`)
  return isNew ? answer : { ...answer, status: 200 as const }
}

/** Calls of any provider: made known, listed, and what became of them. */
export const callRoutes = ({ calls }: Deps): Route[] => [
  route({
    method: 'post',
    path: '/calls',
    operationId: 'createCall',
    summary: 'Make a call known',
    description:
      'The same provider and external id give the same call. A call that only webhooks knew becomes the user’s.',
    tags: ['calls'],
    auth: 'required',
    roles,
    request: { headers: onceHeaders, body: callBody },
    responses: {
      201: { description: 'Made', schema: callSchema, headers: madeHeaders },
      200: { description: 'Known before', schema: callSchema, headers: madeHeaders },
      403: { description: 'A rep makes no other’s calls' },
      409: { description: 'The external id is another call’s' },
    },
    handler: async ({ body, actor, traceId, keyed }) => {
      const { external_id: externalId, lead_id: leadId, user_id: userId = actor.userId, ...rest } = body
      assertMayAssign(actor, userId, office)
      return await calls.createOnce({ ...actor, traceId }, { ...rest, externalId, leadId, userId }, { keyed, answerOf })
    },
  }),
  route({
    method: 'get',
    path: '/calls',
    operationId: 'listCalls',
    summary: 'My calls, newest first; leadership and csr see the company’s',
    tags: ['calls'],
    auth: 'required',
    roles,
    request: { query: callQuery },
    responses: { 200: { description: 'A page', schema: pageSchema('Call', callSchema) } },
    handler: async ({ query, actor }) => presentPage(await calls.list(actor, pageRequest(query)), presentCall),
  }),
  route({
    method: 'get',
    path: '/calls/:call_id',
    operationId: 'getCall',
    summary: 'One call',
    tags: ['calls'],
    auth: 'required',
    roles,
    request: { params: callId, headers: readHeaders },
    responses: readResponses('The call', callSchema),
    handler: async ({ params, headers, actor }) => {
      const row = await calls.find(actor, params.call_id)
      if (!row) throw new NotFoundError('no such call')
      return found(row, presentCall, headers)
    },
  }),
  route({
    method: 'patch',
    path: '/calls/:call_id',
    operationId: 'changeCall',
    summary: 'Say whose call it is, about which lead, and what else the company knows of it',
    tags: ['calls'],
    auth: 'required',
    roles,
    request: { params: callId, headers: changeHeaders, body: callChange },
    responses: changeResponses('As it is now', callSchema),
    handler: async ({ params, headers, body, actor, traceId }) => {
      const precondition = preconditionOf(headers)
      const { user_id: userId, lead_id: leadId, metadata } = body
      assertMayAssign(actor, userId, office)
      const row = await calls.change({ ...actor, traceId }, params.call_id, precondition, { userId, leadId, metadata })
      if (!row) throw new NotFoundError('no such call')
      return changed(row, presentCall)
    },
  }),
  route({
    method: 'get',
    path: '/api/calls/:call_id/outcome',
    operationId: 'getCallOutcome',
    summary: 'What became of a call; the outcome is null while it is not over',
    tags: ['calls'],
    auth: 'required',
    roles,
    request: {
      params: callId,
      query: z.object({
        user_id: z
          .string()
          .min(1)
          .max(200)
          .optional()
          .meta({ description: 'Whose call it is: the caller’s own id, unless the role sees the company’s calls' }),
      }),
    },
    responses: {
      200: { description: 'Its outcome', schema: outcomeSchema },
      404: { description: 'None of this user that the caller may see' },
    },
    handler: async ({ params, query, actor }) => {
      const { user_id: userId } = query
      const mayAsk = userId === undefined || userId === actor.userId || seesCompany(actor)
      const row = mayAsk ? await calls.find(actor, params.call_id, userId) : undefined
      if (!row) throw new NotFoundError('no such call')
      return { status: 200, headers: noStore, body: presentOutcome(row) }
    },
  }),
  route({
    method: 'get',
    path: ['/api/webhooks/call_completed/health', '/webhooks/livekit/health', '/webhook/livekit/health'],
    operationId: 'callOutcomesHealth',
    summary: 'Whether webhooks of calls are taken',
    tags: ['webhooks'],
    auth: 'none',
    limits: false,
    responses: {
      200: {
        description: 'They are',
        schema: z
          .object({ status: z.literal('healthy'), service: z.literal('call_outcomes') })
          .meta({ id: 'CallOutcomesHealth' }),
      },
    },
    handler: () => ({ status: 200, headers: noStore, body: { status: 'healthy', service: 'call_outcomes' } }),
  }),
]

const seesCompany = ({ role }: Actor) => role !== 'rep'
