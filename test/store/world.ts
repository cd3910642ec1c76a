import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import pg from 'pg'
import { seedCompanies, seedDevelopment, seedUsers } from '../../src/dev/seed.js'
import type { Actor } from '../../src/domain/identity.js'
import type { PageRequest } from '../../src/domain/page.js'
import { createDatabase } from '../../src/store/database.js'
import { createEventLog } from '../../src/store/event-log.js'
import { createRefreshTokenStore } from '../../src/store/refresh-tokens.js'
import { createSessionStore, type TrackInput } from '../../src/store/sessions.js'
import { createUserStore } from '../../src/store/users.js'
import { createTestDatabase } from '../support/database.js'

const actorOf = ({ companyId, id, role }: (typeof seedUsers)['acmeLead']): Actor => ({
  tenantId: companyId,
  userId: id,
  role,
})

/** The seeded users as actors. */
export const actors = {
  acmeLead: actorOf(seedUsers.acmeLead),
  acmeCsr: actorOf(seedUsers.acmeCsr),
  acmeRep: actorOf(seedUsers.acmeRep),
  acmeRep2: actorOf(seedUsers.acmeRep2),
  borealisLead: actorOf(seedUsers.borealisLead),
}

export const acme = seedCompanies.acme.id
export const borealis = seedCompanies.borealis.id
export const demoPassword = 'parley-demo'

/** A request for the first page of a list, newest first unless said. */
export const pageOf = <F extends object>(
  filter: F,
  page: { limit?: number; cursor?: string | undefined; sort?: string } = {},
): PageRequest<F> => ({ filter, sort: '-created_at', limit: 100, ...page })

/** Two companies with their users in a database of the test's own, and the stores upon it. */
export async function createWorld({ poolSize = 4 } = {}) {
  const test = await createTestDatabase()
  await seedDevelopment({ url: test.ownerUrl, demoPassword })
  const database = createDatabase({ url: test.url, poolSize })
  const users = createUserStore(database)
  const admin = new pg.Client({ connectionString: test.adminUrl })
  admin.on('error', () => undefined)
  await admin.connect()
  return {
    test,
    database,
    users,
    sessions: createSessionStore(database, users),
    tokens: createRefreshTokenStore(database),
    eventLog: createEventLog(database),
    /** As the superuser, whom no policy binds. */
    admin: async <T extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<T[]> =>
      (await admin.query<T>(sql, values)).rows,
    async close() {
      await database.destroy()
      await admin.end()
      await test.drop()
    },
  }
}

export type World = Awaited<ReturnType<typeof createWorld>>

/** A start of Acme's first rep, unless said otherwise. */
export function aSession(changes: Partial<TrackInput> = {}): TrackInput {
  return {
    sessionId: randomUUID(),
    conversationId: `c${randomUUID().slice(0, 12)}`,
    conversationUrl: 'https://tavus.daily.co/c1',
    provider: 'tavus',
    mode: 'plain',
    owner: { userId: seedUsers.acmeRep.id, email: seedUsers.acmeRep.email, tenantId: acme },
    createdAt: '2026-03-01T10:00:00.000Z',
    prewarm: { skipped: true, reason: 'disabled' },
    ...changes,
  }
}

/** Holds whoever awaits it until it is opened. */
function createGate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

/** A transaction that has done its work and stays open until it is let go. */
export async function holdTransaction(database: World['database'], work: (trx: Knex.Transaction) => Promise<unknown>) {
  const [entered, left] = [createGate(), createGate()]
  const held = database.withService(undefined, async (trx) => {
    await work(trx)
    entered.open()
    await left.opened
  })
  await Promise.race([entered.opened, held])
  return async () => {
    left.open()
    await held
  }
}
