import { z } from 'zod'
import { NotFoundError } from '../../domain/errors.js'
import type { Scope } from '../../domain/identity.js'
import type { Services } from '../../services.js'
import {
  apiKeyBody,
  apiKeyQuery,
  apiKeySchema,
  madeApiKeySchema,
  presentApiKey,
  usualExpiry,
} from '../api-key-schema.js'
import { pageRequest, pageSchema, presentPage } from '../listing.js'
import { type Route, route } from '../route.js'

const keyId = z.object({ id: z.uuid({ error: 'must be the id of an API key' }) })
// A key that could make keys would be as good as every key that it makes.
const common = { tags: ['identity'], auth: 'required', roles: ['leadership'], keyScope: false } as const
const noStore = { 'Cache-Control': 'no-store' }

interface Deps {
  apiKeys: Pick<Services['apiKeys'], 'create' | 'list' | 'revoke'>
  /** What a key can be made for. */
  scopes: [Scope, ...Scope[]]
}

/** Keys with which the company's servers call; leadership only, and no key makes another. */
export const apiKeyRoutes = ({ apiKeys, scopes }: Deps): Route[] => [
  route({
    ...common,
    method: 'post',
    path: '/api-keys',
    operationId: 'createApiKey',
    summary: 'Make an API key; it is shown this once',
    request: { body: apiKeyBody(scopes) },
    responses: { 201: { description: 'Made', schema: madeApiKeySchema } },
    handler: async ({ body, actor, traceId }) => {
      const { expires_at: expiresAt, ...input } = body
      const ends = expiresAt === undefined ? usualExpiry() : new Date(expiresAt)
      const { key, secret } = await apiKeys.create(actor, { ...input, expiresAt: ends }, traceId)
      return { status: 201, headers: noStore, body: { ...presentApiKey(key), key: secret } }
    },
  }),
  route({
    ...common,
    method: 'get',
    path: '/api-keys',
    operationId: 'listApiKeys',
    summary: 'The company’s API keys, newest first, those that are over too',
    request: { query: apiKeyQuery },
    responses: {
      200: { description: 'A page', schema: pageSchema('ApiKey', apiKeySchema) },
    },
    handler: async ({ query, actor }) => ({
      ...presentPage(await apiKeys.list(actor, pageRequest(query)), presentApiKey),
      headers: noStore,
    }),
  }),
  route({
    ...common,
    method: 'delete',
    path: '/api-keys/:id',
    operationId: 'revokeApiKey',
    summary: 'End an API key at once; once more changes nothing',
    request: { params: keyId },
    responses: { 204: { description: 'Over' } },
    handler: async ({ params, actor, traceId }) => {
      if (!(await apiKeys.revoke(actor, params.id, traceId))) throw new NotFoundError('no such API key')
      return { status: 204 }
    },
  }),
]
