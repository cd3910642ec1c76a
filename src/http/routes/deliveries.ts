import { z } from 'zod'
import { NotFoundError } from '../../domain/errors.js'
import type { Services } from '../../services.js'
import { createDeliveryReplay, type DeliveryReplayServices } from '../delivery-replay.js'
import {
  deliveryQuery,
  deliverySchema,
  deliverySummarySchema,
  filterOf,
  presentDelivery,
  presentSummary,
  replayBody,
  replayCountSchema,
  replayedSchema,
  replaySchema,
} from '../delivery-schema.js'
import { pageRequest, pageSchema, presentPage } from '../listing.js'
import { type Route, route } from '../route.js'

const deliveryId = z.object({ id: z.uuid({ error: 'must be the id of a delivery' }) })
const replayId = z.object({ id: z.uuid({ error: 'must be the id of a replay' }) })
const common = { tags: ['webhooks'], auth: 'required', roles: ['leadership'] } as const
const noStore = { 'Cache-Control': 'no-store' }
const noReplay = () => new NotFoundError('no such replay')

/** What providers delivered, and repairing what came to nothing; leadership only. */
export const deliveryRoutes = (services: DeliveryReplayServices): Route[] => [
  ...replayRoutes(services),
  ...seeRoutes(services),
]

function seeRoutes({ deliveries }: Pick<Services, 'deliveries'>): Route[] {
  return [
    route({
      ...common,
      method: 'get',
      path: '/webhooks/deliveries',
      operationId: 'listDeliveries',
      summary: 'The company’s webhook deliveries, newest first',
      request: { query: deliveryQuery },
      responses: { 200: { description: 'A page', schema: pageSchema('Delivery', deliverySummarySchema) } },
      handler: async ({ query: { external_id: externalId, ...query }, actor }) =>
        presentPage(await deliveries.list(actor, pageRequest({ ...query, externalId })), presentSummary),
    }),
    route({
      ...common,
      method: 'get',
      path: '/webhooks/deliveries/:id',
      operationId: 'getDelivery',
      summary: 'One delivery: what came, with personal data masked, and what became of it',
      request: { params: deliveryId },
      responses: { 200: { description: 'It', schema: deliverySchema } },
      handler: async ({ params, actor }) => {
        const delivery = await deliveries.find(actor, params.id)
        if (!delivery) throw new NotFoundError('no such delivery')
        return { status: 200, headers: noStore, body: presentDelivery(delivery) }
      },
    }),
  ]
}

function replayRoutes(services: DeliveryReplayServices): Route[] {
  const { replayClient } = services
  const replay = createDeliveryReplay(services)
  return [
    route({
      ...common,
      method: 'post',
      path: '/webhooks/deliveries/:id/replay',
      operationId: 'replayDelivery',
      summary: 'Take a failed, waiting or unmatched delivery again, from its stored bytes',
      request: { params: deliveryId },
      responses: {
        200: { description: 'Taken; its status says what became of it', schema: replayedSchema },
        202: { description: 'To be taken', schema: replayedSchema },
        409: { description: 'It was processed, is about to be, or another delivery of the event was taken' },
      },
      handler: async ({ params, actor }) => {
        const { id, status, error, errorSide } = await replay.one(actor, params.id)
        const body = { id, status, error, fault: errorSide }
        return { status: status === 'received' ? 202 : 200, headers: noStore, body }
      },
    }),
    route({
      ...common,
      method: 'post',
      path: '/webhooks/deliveries/replays',
      operationId: 'replayDeliveries',
      summary: 'Count, and then take again, all deliveries of a filter that came to nothing',
      description: 'First with `dry_run: true`; then with `dry_run: false`, the same filter and its `confirmation`.',
      request: { body: replayBody },
      responses: {
        200: { description: 'Counted', schema: replayCountSchema },
        202: {
          description: 'Begun; it goes on by itself',
          schema: z.object({ id: z.string(), total: z.int() }).meta({ id: 'BegunReplay' }),
          headers: { Location: 'Its progress' },
        },
        409: { description: 'There are more or fewer than were counted' },
      },
      handler: async ({ body, actor }) => {
        const filter = filterOf(body.filter)
        if (body.dry_run || body.confirmation === undefined) {
          const { expiresAt, ...counted } = await replay.count(actor, filter)
          return { status: 200, headers: noStore, body: { dry_run: true, ...counted, expires_at: expiresAt } }
        }
        const begun = await replay.all(actor, filter, body.confirmation)
        return { status: 202, headers: { Location: `/webhooks/deliveries/replays/${begun.id}` }, body: begun }
      },
    }),
    route({
      ...common,
      method: 'get',
      path: '/webhooks/deliveries/replays/:id',
      operationId: 'getReplay',
      summary: 'How far a replay is',
      request: { params: replayId },
      responses: { 200: { description: 'Its progress', schema: replaySchema } },
      handler: async ({ params, actor }) => {
        const found = await replayClient.progress(actor.tenantId, params.id)
        if (!found) throw noReplay()
        return { status: 200, headers: noStore, body: { id: params.id, ...found } }
      },
    }),
    route({
      ...common,
      method: 'post',
      path: '/webhooks/deliveries/replays/:id/cancel',
      operationId: 'cancelReplay',
      summary: 'Stop a replay after the batch that runs',
      request: { params: replayId },
      responses: { 202: { description: 'Asked to stop', schema: z.object({ id: z.string() }) } },
      handler: async ({ params, actor }) => {
        if (!(await replayClient.cancel(actor.tenantId, params.id))) throw noReplay()
        return { status: 202, body: { id: params.id } }
      },
    }),
  ]
}
