import { z } from 'zod'
import { NotFoundError } from '../../domain/errors.js'
import type { Services } from '../../services.js'
import {
  integrationBody,
  integrationChange,
  integrationQuery,
  integrationSchema,
  presentIntegration,
} from '../integration-schema.js'
import { pageRequest, pageSchema, presentPage } from '../listing.js'
import { onceHeaders } from '../once.js'
import { type Route, route } from '../route.js'

const integrationId = z.object({ id: z.uuid({ error: 'must be the id of an integration' }) })
const common = { tags: ['integrations'], auth: 'required', roles: ['leadership'] } as const
const taken = { description: 'The account is taken' }

const notFound = () => new NotFoundError('no such integration')

/** By which accounts, numbers and organisations deliveries find the company; leadership only. */
export function integrationRoutes({ integrations }: Pick<Services, 'integrations'>): Route[] {
  return [
    route({
      ...common,
      method: 'get',
      path: '/integrations',
      operationId: 'listIntegrations',
      summary: 'The company’s accounts at providers, newest first',
      request: { query: integrationQuery },
      responses: { 200: { description: 'A page', schema: pageSchema('Integration', integrationSchema) } },
      handler: async ({ query, actor }) =>
        presentPage(await integrations.list(actor, pageRequest(query)), presentIntegration),
    }),
    route({
      ...common,
      method: 'post',
      path: '/integrations',
      operationId: 'addIntegration',
      summary: 'Claim an account, a number or an organisation for the company',
      request: { headers: onceHeaders, body: integrationBody },
      responses: {
        201: { description: 'Added', schema: integrationSchema, headers: { Location: 'The integration' } },
        409: taken,
      },
      handler: async ({ body, actor, keyed }) => {
        const added = await integrations.add(actor, body, keyed)
        return { status: 201, headers: { Location: `/integrations/${added.id}` }, body: presentIntegration(added) }
      },
    }),
    route({
      ...common,
      method: 'get',
      path: '/integrations/:id',
      operationId: 'getIntegration',
      summary: 'One integration',
      request: { params: integrationId },
      responses: { 200: { description: 'It', schema: integrationSchema } },
      handler: async ({ params, actor }) => {
        const found = await integrations.find(actor, params.id)
        if (!found) throw notFound()
        return { status: 200, body: presentIntegration(found) }
      },
    }),
    route({
      ...common,
      method: 'patch',
      path: '/integrations/:id',
      operationId: 'changeIntegration',
      summary: 'Change its account or its label; null takes the label away',
      request: { params: integrationId, body: integrationChange },
      responses: { 200: { description: 'Changed', schema: integrationSchema }, 409: taken },
      handler: async ({ params, body, actor }) => {
        const changed = await integrations.change(actor, params.id, body)
        if (!changed) throw notFound()
        return { status: 200, body: presentIntegration(changed) }
      },
    }),
    route({
      ...common,
      method: 'delete',
      path: '/integrations/:id',
      operationId: 'removeIntegration',
      summary: 'Give an account up; its deliveries find no company from then on',
      request: { params: integrationId },
      responses: { 204: { description: 'Removed' }, 409: { description: 'It is Clerk’s own' } },
      handler: async ({ params, actor }) => {
        if (!(await integrations.remove(actor, params.id))) throw notFound()
        return { status: 204 }
      },
    }),
  ]
}
