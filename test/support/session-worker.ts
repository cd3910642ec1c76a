import { randomUUID } from 'node:crypto'
import { Client, Connection } from '@temporalio/client'
import { NativeConnection, Worker } from '@temporalio/worker'
import { inject } from 'vitest'
import type { SessionActivities } from '../../activities/session.js'
import { createReadyNotices, type ReadyNotices } from '../../src/temporal/ready-notices.js'
import { createSessionClient } from '../../src/temporal/sessions.js'
import { registerSearchAttributes } from '../../src/temporal/connection.js'
import type { SessionInput } from '../../workflows/messages.js'

/** What a session does when nothing goes wrong; tests replace single steps. */
export function calmActivities(): { [K in keyof SessionActivities]: SessionActivities[K] } {
  const outcome = {
    status: 'completed' as const,
    joinedAt: '2026-11-21T10:00:00.000Z',
    endedAt: '2026-11-21T10:05:00.000Z',
    durationSeconds: 300,
    endReason: 'user' as const,
    shutdownReason: undefined,
  }
  return {
    prewarmModel: async () => ({ success: true, status: 200, duration_sec: 0.5 }),
    createConversation: async () => ({
      conversationId: 'c1',
      conversationUrl: 'https://tavus.daily.co/c1',
      status: 'active',
      createdAt: new Date().toISOString(),
      tracking: { systemUserId: 'u1', dbTracking: 'success' },
    }),
    recoverConversation: async () => undefined,
    endConversation: async () => ({ endedAt: new Date().toISOString() }),
    endByName: async () => ({ ended: 0 }),
    trackSession: async () => ({ systemUserId: 'u1', dbTracking: 'success' }),
    recordFacts: async () => ({ found: true, tracked: true, outcome }),
    releaseUntracked: async () => undefined,
    askConversation: async () => ({ live: false, kinds: ['shutdown', 'transcript'] }),
  }
}

export function sessionInput(changes: Partial<SessionInput> = {}): SessionInput {
  const sessionId = randomUUID()
  return {
    sessionId,
    provider: 'tavus',
    mode: 'plain',
    requestHash: 'hash',
    startedBy: 'request-1',
    keyed: true,
    owner: { userId: 'u1', tenantId: 't1' },
    request: {},
    maxSeconds: 3600,
    prewarm: false,
    recording: false,
    providerQueue: '',
    ...changes,
    limits: {
      startMs: 5000,
      trackMs: 1000,
      maxGraceMs: 1000,
      abandonMs: 200,
      confirmMs: 50,
      artifactWaitMs: 2000,
      ...changes.limits,
    },
  }
}

export interface SessionWorker {
  client: Client
  sessions: ReturnType<typeof createSessionClient>
  taskQueue: string
  notices: ReadyNotices
  input: (changes?: Partial<SessionInput>) => SessionInput
  result: (sessionId: string) => Promise<unknown>
  stop: () => Promise<void>
}

/** A worker of the run's bundle with steps of the test's own, on a task queue of its own. */
export async function startSessionWorker(changes: Partial<SessionActivities> = {}): Promise<SessionWorker> {
  const address = inject('temporalAddress')
  const taskQueue = `sessions-${randomUUID()}`
  const connection = await NativeConnection.connect({ address })
  const plain = await Connection.connect({ address })
  const client = new Client({ connection: plain })
  await registerSearchAttributes(client, 'default')
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowBundle: { codePath: inject('workflowBundlePath') },
    activities: { ...calmActivities(), ...changes },
    shutdownForceTime: '2s',
  })
  const run = worker.run()
  const notices = createReadyNotices()
  const sessions = createSessionClient({ client, taskQueue, notices })
  return {
    client,
    sessions,
    taskQueue,
    notices,
    input: (more) => sessionInput({ providerQueue: taskQueue, ...more }),
    result: (sessionId) => client.workflow.getHandle(`session/${sessionId}`).result(),
    async stop() {
      worker.shutdown()
      await run
      await connection.close()
      await plain.close()
    },
  }
}
