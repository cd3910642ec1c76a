import { createApiKeyStore } from '../../src/store/api-keys.js'
import { createAudit } from '../../src/store/audit.js'
import { createIdentityLookup } from '../../src/store/identity-lookup.js'
import type { Route } from '../../src/http/route.js'
import { seedUsers } from '../../src/dev/seed.js'
import type { Role } from '../../src/domain/identity.js'
import { createWorld } from '../store/world.js'
import { startApp, tokenFor } from './harness.js'

interface IdentityOptions {
  env?: Record<string, string>
  routes?: (stores: { apiKeys: ReturnType<typeof createApiKeyStore> }) => Route[]
}

/** The application on a database with two companies, everything of identity being real. */
export async function startIdentity({ env = {}, routes = () => [] }: IdentityOptions = {}) {
  const world = await createWorld()
  const { database, users, tokens: refreshTokens } = world
  const apiKeys = createApiKeyStore(database)
  const identities = createIdentityLookup(database)
  const start = (more: Record<string, string> = {}) =>
    startApp({
      env: { LOGIN_RATE_LIMIT: '1000/minute', ...env, ...more },
      services: { users, refreshTokens, identities, apiKeys, audit: createAudit(database) },
      routes: routes({ apiKeys }),
    })
  const app = await start()
  return {
    ...world,
    app,
    start,
    apiKeys,
    identities,
    /** Entries of a company's log, the oldest first. */
    eventsOf: (tenantId: string, event?: string) =>
      world.admin<{ event: string; user_id: string | null; severity: string; trace_id: string | null; data: object }>(
        `select event, user_id, severity, trace_id, data from event_logs
         where tenant_id = $1 and ($2::text is null or event = $2) order by id`,
        [tenantId, event ?? null],
      ),
    async close() {
      await app.stop()
      await world.close()
    },
  }
}

export type IdentityWorld = Awaited<ReturnType<typeof startIdentity>>

/** A token of a seeded user, as login gives it. */
export const tokenOf = (name: keyof typeof seedUsers, role?: Role) => {
  const { id, email, companyId, role: own } = seedUsers[name]
  return tokenFor({ sub: id, email, company_id: companyId, role: role ?? own })
}
