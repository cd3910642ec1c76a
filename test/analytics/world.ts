import { randomUUID } from 'node:crypto'
import { createAnalyticsStore } from '../../src/store/analytics.js'
import { createAnalyticsCounting } from '../../src/store/analytics-counting.js'
import { createRecapStore } from '../../src/store/analytics-recaps.js'
import { acme, actors, createWorld } from '../store/world.js'

/** Two companies, the stores of analytics upon them, and rows written as their own transactions write them. */
export async function createAnalyticsWorld() {
  const world = await createWorld({ poolSize: 8 })
  const { database } = world
  const counting = createAnalyticsCounting({ database })

  /** Counts until nothing is left, in steps of so many. */
  async function count(limit = 1000): Promise<number> {
    let counted = 0
    for (let more = true; more;) {
      const step = await counting.step(limit)
      counted += step.counted
      more = step.more
    }
    return counted
  }

  return {
    ...world,
    analytics: createAnalyticsStore(database),
    recaps: createRecapStore(database),
    counting,
    count,
    /** One conversation; says its session's id. */
    async conversation(changes: Partial<ConversationRow> = {}): Promise<string> {
      const row = { ...aConversation, ...changes }
      const id = randomUUID()
      await database.withService(undefined, (trx) =>
        trx.raw(
          `insert into conversations_users (session_id, user_id, owner_user_id, company_id, conversation_type_id,
             external_conversation_id, status, created_at, joined_at, ended_at, duration_seconds, prewarm_ms, prewarm,
             start_ms, facts)
           values (:id, :user, :owner, :tenant, :type, :id, :status, :at, :joined, :ended, :seconds, :prewarmMs,
             cast(:prewarm as jsonb), :startMs, cast(:facts as jsonb))`,
          { ...row, id, prewarm: JSON.stringify(row.prewarm), facts: JSON.stringify(row.facts) },
        ),
      )
      return id
    },
    async call(changes: Partial<CallInput> = {}): Promise<string> {
      const row = { tenant: acme, user: null, at: aConversation.at, outcome: 'completed', seconds: 60, ...changes }
      const id = randomUUID()
      await database.withService(undefined, (trx) =>
        trx.raw(
          `insert into call_logs (id, company_id, user_id, provider, external_id, status, outcome, duration_seconds, created_at)
           values (:id, :tenant, :user, 'manual', :id, 'ended', :outcome, :seconds, :at)`,
          { ...row, id },
        ),
      )
      return id
    },
  }
}

export type AnalyticsWorld = Awaited<ReturnType<typeof createAnalyticsWorld>>

export interface ConversationRow {
  tenant: string
  user: string
  owner: string | null
  type: 1 | 2
  status: 'active' | 'completed' | 'failed'
  at: string
  joined: string | null
  ended: string | null
  seconds: number | null
  prewarmMs: number | null
  prewarm: object
  startMs: number | null
  facts: object
}

interface CallInput {
  tenant: string
  user: string | null
  at: string
  outcome: string | null
  seconds: number | null
}

/** A conversation of Acme's first rep that went well. */
export const aConversation: ConversationRow = {
  tenant: acme,
  user: actors.acmeRep.userId,
  owner: null,
  type: 1,
  status: 'completed',
  at: '2026-03-10T10:00:00Z',
  joined: '2026-03-10T10:00:02Z',
  ended: '2026-03-10T10:05:00Z',
  seconds: 300,
  prewarmMs: 1000,
  prewarm: { success: true },
  startMs: 2000,
  facts: {},
}

/** The whole of the year 2026. */
export const year = { from: '2026-01-01', to: '2027-01-01' }
