import { z } from 'zod'
import { NotFoundError } from '../../domain/errors.js'
import { roles } from '../../domain/identity.js'
import type { Services } from '../../services.js'
import { found, readHeaders, readResponses } from '../etag.js'
import { idField } from '../fields.js'
import { pageRequest, pageSchema, presentPage } from '../listing.js'
import { messageQuery, messageSchema, presentMessage } from '../message-schema.js'
import { type Route, route } from '../route.js'

const common = { tags: ['messages'], auth: 'required', roles } as const

/** Text messages, which providers tell of. */
export const messageRoutes = ({ messages }: Pick<Services, 'messages'>): Route[] => [
  route({
    ...common,
    method: 'get',
    path: '/messages',
    operationId: 'listMessages',
    summary: 'The company’s text messages, newest first; of a rep those of the own leads',
    request: { query: messageQuery },
    responses: { 200: { description: 'A page', schema: pageSchema('Message', messageSchema) } },
    handler: async ({ query, actor }) => presentPage(await messages.list(actor, pageRequest(query)), presentMessage),
  }),
  route({
    ...common,
    method: 'get',
    path: '/messages/:id',
    operationId: 'getMessage',
    summary: 'One text message',
    request: { params: z.object({ id: idField('a message') }), headers: readHeaders },
    responses: readResponses('It', messageSchema),
    handler: async ({ params, headers, actor }) => {
      const row = await messages.find(actor, params.id)
      if (!row) throw new NotFoundError('no such message')
      return found(row, presentMessage, headers)
    },
  }),
]
