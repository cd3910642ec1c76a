import { deliveryRoutes } from '../../src/http/routes/deliveries.js'
import { seedUsers } from '../../src/dev/seed.js'
import { createReplayClient } from '../../src/temporal/webhook-replays.js'
import { startApp, tokenFor } from '../http/harness.js'
import { actors, acme, borealis } from '../store/world.js'
import { type Answer, call } from '../support/client.js'
import { type EngineOptions, eventually, shutdown, startEngine } from './harness.js'

/** The engine, with the routes by which leadership sees and repairs, and events that fail when they are told to. */
export async function startRepair(options: Omit<EngineOptions, 'effectsOf'> = {}) {
  const failing = new Map<string, () => unknown>()
  const engine = await startEngine({
    ...options,
    effectsOf: (real) => (delivery) => {
      const error = failing.get(delivery.externalId)?.()
      if (error) throw error as Error
      return real(delivery)
    },
  })
  const replayClient = createReplayClient({ client: engine.client, taskQueue: engine.taskQueue })
  const { deliveries } = engine.engine
  const app = await startApp({
    routes: deliveryRoutes({ deliveries, replayClient, webhooks: engine.engine, config: engine.config }),
  })
  const tokens: Record<string, string> = {}
  for (const [name, { tenantId, userId, role }] of Object.entries(actors))
    tokens[name] = await tokenFor({ sub: userId, company_id: tenantId, role })
  tokens.csr = await tokenFor({ company_id: acme, role: 'csr' })
  const ask = (as: string, method: string, path: string, body?: object): Promise<Answer> =>
    call(`${app.url}/webhooks/deliveries${path}`, { method, token: tokens[as], body })
  const sessionOf = (tenantId: string) =>
    tenantId === acme
      ? engine.session()
      : engine.session({ owner: { userId: seedUsers.borealisLead.id, tenantId: borealis } })

  return {
    ...engine,
    failing,
    replayClient,
    ask,
    /** A session whose shutdown has failed for good. */
    async failed(tenantId: string = acme) {
      const session = await sessionOf(tenantId)
      const event = shutdown(session.conversationId)
      failing.set(session.conversationId, () => new TypeError('a bug'))
      await engine.post(session.sessionId, event)
      // One that the drain has is given up at once as well.
      const row = await eventually(async () => {
        await engine.admin('update webhook_receipts set next_attempt_at = now() where session_id = $1', [
          session.sessionId,
        ])
        const [found] = await engine.receipts('session_id = $1', [session.sessionId])
        if (found?.status === 'received') await engine.wakeDrain()
        return found?.status === 'failed' && found
      })
      return { session, event, id: row.id, row }
    },
    rowOf: async (id: string) => (await engine.receipts('id = $1', [id]))[0],
    /** Entries of a session's log, by name. */
    logOf: async (sessionId: string) => (await engine.eventsOf(sessionId)).map(({ event }) => event),
    async close() {
      await app.stop()
      await engine.close()
    },
  }
}

export type Repair = Awaited<ReturnType<typeof startRepair>>
