import { z } from 'zod'
import { roles, type Scope } from '../domain/identity.js'
import type { Services } from '../services.js'
import { listQuery } from './listing.js'
import type { Route } from './route.js'

const longestDays = 366
const usualDays = 90
const dayMs = 86_400_000

const inDays = (days: number) => new Date(Date.now() + days * dayMs)

/** The scopes that routes ask for, in order. */
export const scopesOf = (routes: Route[]): [Scope, ...Scope[]] => {
  const asked = routes
    .filter(({ auth }) => auth !== 'none')
    .flatMap(({ keyScope }) => (keyScope === 'any' || keyScope === false ? [] : [keyScope]))
  return [...new Set(asked)].sort() as [Scope, ...Scope[]]
}

/** What a new key is asked to be; `scopes` are those that some route needs. */
export const apiKeyBody = (scopes: [Scope, ...Scope[]]) =>
  z
    .strictObject({
      name: z.string().trim().min(1, 'must not be empty').max(100),
      role: z.enum(roles).meta({ description: 'Whose rows and routes it reaches within the company' }),
      scopes: z
        .array(z.enum(scopes))
        .min(1, 'must name a scope')
        .max(100)
        .refine((named) => new Set(named).size === named.length, 'must name each scope once')
        .meta({ description: 'What it may do; to write is not to read' }),
      expires_at: z.iso
        .datetime({ offset: true, error: 'must be a time such as 2030-01-31T00:00:00Z' })
        .refine((time) => !(Date.parse(time) <= Date.now()), 'must be in the future')
        .refine((time) => !(Date.parse(time) > inDays(longestDays).getTime()), `must be within ${longestDays} days`)
        .optional()
        .meta({ description: `In ${usualDays} days unless said` }),
    })
    .meta({
      id: 'NewApiKey',
      example: { name: 'nightly import', role: 'csr', scopes: [scopes[0]] },
    })

/** When a key ends whose maker did not say. */
export const usualExpiry = () => inDays(usualDays)

export const apiKeyQuery = listQuery({}, ['-created_at', 'created_at'])

export const apiKeySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.enum(roles),
    scopes: z.array(z.string()),
    prefix: z.string().meta({ description: 'How the key begins' }),
    created_by: z.string(),
    created_at: z.string(),
    expires_at: z.string(),
    last_used_at: z.string().nullable().meta({ description: 'To the minute' }),
    revoked_at: z.string().nullable(),
  })
  .meta({ id: 'ApiKey' })

export const madeApiKeySchema = apiKeySchema
  .extend({ key: z.string().meta({ description: 'The key itself; it is shown this once' }) })
  .meta({ id: 'MadeApiKey' })

type Row = Awaited<ReturnType<Services['apiKeys']['list']>>['items'][number]

/** A key as it leaves the server, without what would let somebody call. */
export const presentApiKey = (row: Row): z.input<typeof apiKeySchema> => ({
  id: row.id,
  name: row.name,
  role: row.role,
  scopes: row.scopes,
  prefix: row.prefix,
  created_by: row.createdBy,
  created_at: row.createdAt.toISOString(),
  expires_at: row.expiresAt.toISOString(),
  last_used_at: row.lastUsedAt?.toISOString() ?? null,
  revoked_at: row.revokedAt?.toISOString() ?? null,
})
