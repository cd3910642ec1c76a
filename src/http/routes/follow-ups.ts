import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import { NotFoundError, ParleyError, ProviderError } from '../../domain/errors.js'
import { roles } from '../../domain/identity.js'
import type { Services } from '../../services.js'
import { created, found, readHeaders, readResponses } from '../etag.js'
import { idField } from '../fields.js'
import { followUpBody, followUpKey, followUpQuery, followUpSchema, presentFollowUp } from '../follow-up-schema.js'
import { pageRequest, pageSchema, presentPage } from '../listing.js'
import { idOfKey, requestHashOf } from '../request-key.js'
import { type Route, route } from '../route.js'

const common = { tags: ['follow-ups'], auth: 'required', roles } as const
const params = z.object({ id: idField('a follow-up') })
const unknown = () => new NotFoundError('no such follow-up')
const madeHeaders = { Location: 'The follow-up', ETag: 'This state of it' }

/** Calls and text messages to leads: asked for, watched, and called off. */
export const followUpRoutes = ({ followUps }: Pick<Services, 'followUps'>): Route[] => [
  route({
    ...common,
    method: 'post',
    path: '/follow-ups',
    operationId: 'createFollowUp',
    summary: 'Have a lead called by Bland, or written to by Twilio',
    description:
      'It is sent once: after an answer that was lost the provider is asked before anything else happens. It waits for its time, and while the company has quiet hours.',
    request: { headers: followUpKey, body: followUpBody },
    responses: {
      201: { description: 'Taken in', schema: followUpSchema, headers: madeHeaders },
      200: {
        description: 'Taken in by an earlier request under the same key',
        schema: followUpSchema,
        headers: { ...madeHeaders, 'Idempotent-Replayed': '"true"' },
      },
      404: { description: 'No lead that the caller may see; or drafts are not enabled (`feature_disabled`)' },
      409: { description: 'The lead has a follow-up by this channel too near to it (`follow_up_too_soon`)' },
      503: { description: 'The channel has no provider (`provider_not_configured`)' },
    },
    handler: async ({ body, headers, actor, traceId, log }) => {
      const { channel, lead_id: leadId, not_before: notBefore = null, metadata, draft } = body
      if (draft && !followUps.drafts.enabled) throw featureDisabled()
      if (!(await followUps.isConfigured(actor.tenantId, channel))) throw notConfigured(channel)
      const said = body.channel === 'sms' ? body.message : body.task
      const key = headers['idempotency-key']
      const id = key === undefined ? uuidv7() : idOfKey(['follow-up', actor.tenantId, actor.userId, key])
      const { row, replayed } = await followUps.store.create(
        { ...actor, traceId },
        { id, leadId, channel, body: said ?? null, notBefore, metadata, requestHash: requestHashOf(body) },
      )
      // Should the engine be away, the sweep starts it.
      await followUps.starter
        .start({ tenantId: actor.tenantId, followUpId: row.id })
        .catch((error: unknown) => log.warn({ err: error, follow_up_id: row.id }, 'a follow-up is left to the sweep'))
      const answer = created(row, presentFollowUp, `/follow-ups/${row.id}`)
      if (!replayed) return answer
      return { ...answer, status: 200, headers: { ...answer.headers, 'Idempotent-Replayed': 'true' } }
    },
  }),
  route({
    ...common,
    method: 'get',
    path: '/follow-ups',
    operationId: 'listFollowUps',
    summary: 'The company’s follow-ups, newest first; of a rep those of the own leads',
    request: { query: followUpQuery },
    responses: { 200: { description: 'A page', schema: pageSchema('FollowUp', followUpSchema) } },
    handler: async ({ query, actor }) =>
      presentPage(await followUps.store.list(actor, pageRequest(query)), presentFollowUp),
  }),
  route({
    ...common,
    method: 'get',
    path: '/follow-ups/:id',
    operationId: 'getFollowUp',
    summary: 'One follow-up',
    request: { params, headers: readHeaders },
    responses: readResponses('It', followUpSchema),
    handler: async ({ params: { id }, headers, actor }) => {
      const row = await followUps.store.find(actor, id)
      if (!row) throw unknown()
      return found(row, presentFollowUp, headers)
    },
  }),
  route({
    ...common,
    method: 'post',
    path: '/follow-ups/:id/cancel',
    operationId: 'cancelFollowUp',
    summary: 'Call off a follow-up that has not been sent; doing it twice is doing it once',
    request: { params },
    responses: {
      200: { description: 'It is called off', schema: followUpSchema },
      409: { description: 'It has been sent, or is being sent (`follow_up_sent`)' },
    },
    handler: async ({ params: { id }, actor, traceId, log }) => {
      const row = await followUps.store.cancel({ ...actor, traceId }, id)
      if (!row) throw unknown()
      // The row decides; a workflow that is not told finds it out when it looks next.
      await followUps.starter
        .changed(id)
        .catch((error: unknown) => log.info({ err: error, follow_up_id: id }, 'a workflow was not told'))
      return { status: 200, body: presentFollowUp(row) }
    },
  }),
]

const providerOf = { sms: 'twilio', call: 'bland' } as const

const notConfigured = (channel: keyof typeof providerOf) =>
  new ProviderError(
    'provider_not_configured',
    `${providerOf[channel]} is not configured for follow-ups by ${channel}`,
    providerOf[channel],
    undefined,
  )

const featureDisabled = () =>
  new ParleyError('feature_disabled', 404, 'Not Found', 'drafts of follow-ups are not enabled')
