import { z } from 'zod'
import { NotFoundError } from '../../domain/errors.js'
import { type Actor, roles } from '../../domain/identity.js'
import { roleMissing } from '../access.js'
import type { Services } from '../../services.js'
import { callBody, callQuery, callSchema, outcomeSchema, presentCall, presentOutcome } from '../call-schema.js'
import { type Route, route } from '../route.js'

interface Deps {
  calls: Pick<Services['calls'], 'create' | 'find' | 'list'>
}

const callId = z.object({ call_id: z.uuid({ error: 'must be a call id' }) })
const noStore = { 'Cache-Control': 'no-store' }

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
    request: { body: callBody },
    responses: {
      201: { description: 'Made', schema: callSchema, headers: { Location: 'The call' } },
      200: { description: 'Known before', schema: callSchema, headers: { Location: 'The call' } },
      403: { description: 'A rep makes no other’s calls' },
      409: { description: 'The external id is another call’s' },
    },
    handler: async ({ body, actor }) => {
      const { external_id: externalId, lead_id: leadId, user_id: userId = actor.userId, ...rest } = body
      if (userId !== actor.userId && !seesCompany(actor)) throw roleMissing(actor.role, ['leadership', 'csr'])
      const { row, created } = await calls.create(actor, { ...rest, externalId, leadId, userId })
      const answer = { headers: { ...noStore, Location: `/calls/${row.id}` }, body: presentCall(row) }
      return created ? { status: 201, ...answer } : { status: 200, ...answer }
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
    responses: {
      200: {
        description: 'A page',
        schema: z.object({ items: z.array(callSchema), next_cursor: z.string().nullable() }).meta({ id: 'CallPage' }),
      },
    },
    handler: async ({ query, actor }) => {
      const { user: userId, lead: leadId, from, to, ...filter } = query
      const page = await calls.list(actor, {
        ...filter,
        userId,
        leadId,
        from: from === undefined ? undefined : new Date(from),
        to: to === undefined ? undefined : new Date(to),
      })
      return { status: 200, body: { items: page.items.map(presentCall), next_cursor: page.nextCursor ?? null } }
    },
  }),
  route({
    method: 'get',
    path: '/calls/:call_id',
    operationId: 'getCall',
    summary: 'One call',
    tags: ['calls'],
    auth: 'required',
    roles,
    request: { params: callId },
    responses: {
      200: { description: 'The call', schema: callSchema },
      404: { description: 'None that the caller may see' },
    },
    handler: async ({ params, actor }) => {
      const row = await calls.find(actor, params.call_id)
      if (!row) throw new NotFoundError('no such call')
      return { status: 200, body: presentCall(row) }
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
