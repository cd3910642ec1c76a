import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApplicationFailure } from '@temporalio/common'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { DefaultLogger, Runtime } from '@temporalio/worker'
import { afterEach, expect, it } from 'vitest'
import type { AnalyticsActivities } from '../../activities/analytics.js'
import type { FollowUpActivities, FollowUpCarrierActivities } from '../../activities/follow-ups.js'
import type { ReconcileActivities } from '../../activities/reconcile.js'
import type { SessionActivities } from '../../activities/session.js'
import type { UwcActivities } from '../../activities/uwc.js'
import type { WebhookReplayActivities } from '../../activities/webhook-replay.js'
import {
  type FollowUpInput,
  followUpWorkflowId,
  replayWorkflowId,
  type SessionInput,
  sessionWorkflowId,
  type UwcJobInput,
  uwcJobWorkflowId,
} from '../../workflows/messages.js'
import { eventually } from './client.js'
import { calmActivities, type SessionWorker, startSessionWorker } from './session-worker.js'

// Not a test of the run: it writes what test/workflows/replay.test.ts reads. CONTRIBUTING.md says how to run it.

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] })

let worker: SessionWorker
afterEach(() => worker.stop())

const actor = { tenantId: 't1', userId: 'u1', role: 'rep' as const }
const withLimits = (limits: Partial<SessionInput['limits']>) => ({ limits: limits as SessionInput['limits'] })
/** Longer than a recording takes: nothing is asked for that comes by itself. */
const unhurried = withLimits({ confirmMs: 10_000, artifactWaitMs: 30_000 })

const start = (input: SessionInput) => worker.sessions.start(input, { requestId: input.startedBy, timeoutMs: 30_000 })
const end = (input: SessionInput) => worker.sessions.end(input.sessionId, { actor, reason: 'user' }, 20_000)
const tell = (input: SessionInput, kind: 'participant_joined' | 'shutdown' | 'transcript') =>
  worker.sessions.signal(input.sessionId, { key: kind, kind, at: new Date().toISOString() })

/** A file that is there stays: what was started with earlier code must replay too. */
async function save(workflowId: string, name: string): Promise<void> {
  const history = await worker.client.workflow.getHandle(workflowId).fetchHistory()
  const file = new URL(`../fixtures/histories/${name}.json`, import.meta.url)
  // Stacks name the machine's own paths, and a replay does not look at them.
  const plain = (key: string, value: unknown) => (key === 'stackTrace' ? '' : value)
  const text = `${JSON.stringify(JSON.parse(historyToJSON(history)), plain, 2)}\n`
  await writeFile(file, text, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}

const saveSession = (input: SessionInput, name: string) => save(sessionWorkflowId(input.sessionId), name)

/** Until the user has ended it, and the provider has told everything. */
async function liveAndEnd(input: SessionInput): Promise<void> {
  await start(input)
  await tell(input, 'participant_joined')
  await end(input)
  await tell(input, 'shutdown')
  await tell(input, 'transcript')
  await worker.result(input.sessionId)
}

it('a calm session that its user ends', async () => {
  worker = await startSessionWorker()
  const input = worker.input(unhurried)
  await liveAndEnd(input)
  await saveSession(input, 'session-ended-by-user')
})

it('a session whose model was warmed first', async () => {
  worker = await startSessionWorker()
  const input = worker.input({ ...unhurried, prewarm: true })
  await liveAndEnd(input)
  await saveSession(input, 'session-prewarmed')
})

it('a session whose model was cold', async () => {
  worker = await startSessionWorker({
    prewarmModel: async () => {
      await sleep(1300)
      return { success: true, status: 200, duration_sec: 1.3 }
    },
  })
  const input = worker.input({ ...unhurried, prewarm: true })
  await liveAndEnd(input)
  await saveSession(input, 'session-prewarmed-cold')
})

it('a session whose row waits for the database', async () => {
  let tries = 0
  const trackSession: SessionActivities['trackSession'] = async () => {
    if (++tries <= 3) throw new Error('the database is away')
    return { systemUserId: 'u1', dbTracking: 'success' }
  }
  const createConversation: SessionActivities['createConversation'] = async (input) => ({
    ...(await calmActivities().createConversation(input)),
    tracking: undefined,
  })
  worker = await startSessionWorker({ trackSession, createConversation })
  const input = worker.input(unhurried)
  const { ready } = await start(input)
  expect(ready.dbTracking).toBe('pending')
  await eventually(
    async () => tries,
    (count) => count === 4,
  )
  await end(input)
  await tell(input, 'shutdown')
  await tell(input, 'transcript')
  await worker.result(input.sessionId)
  await saveSession(input, 'session-tracking-pending')
})

it('a session that its own timer ends', async () => {
  let asked = 0
  worker = await startSessionWorker({
    askConversation: async () =>
      ++asked === 1 ? { live: true, kinds: [] } : { live: false, kinds: ['shutdown', 'transcript'] },
  })
  const input = worker.input({ maxSeconds: 1, ...withLimits({ maxGraceMs: 100 }) })
  await start(input)
  await worker.result(input.sessionId)
  await saveSession(input, 'session-max-duration')
})

it('a session that its caller left before it was ready', async () => {
  worker = await startSessionWorker()
  const input = worker.input()
  await start(input)
  await worker.sessions.callerGone(input.sessionId, input.startedBy)
  await worker.result(input.sessionId)
  await saveSession(input, 'session-abandoned')
})

it('a start that failed, and what it may have created', async () => {
  const details = [{ status: 502 }]
  worker = await startSessionWorker({
    createConversation: async () => {
      throw ApplicationFailure.create({ type: 'provider_failed', nonRetryable: true, message: 'refused', details })
    },
  })
  const input = worker.input({ owner: undefined })
  await expect(start(input)).rejects.toThrow()
  await worker.result(input.sessionId).catch(() => undefined)
  await saveSession(input, 'session-start-failed')
})

const agentLimits = (more: object = {}) => ({
  provider: 'elevenlabs' as const,
  ...withLimits({ confirmMs: 100, artifactWaitMs: 1000, joinMs: 900_000, ...more }),
})

it('a talk with an agent that ends after its end was asked for', async () => {
  let asked = 0
  worker = await startSessionWorker({
    askConversation: async () =>
      ++asked < 3 ? { live: true, kinds: ['participant_joined'] } : { live: false, kinds: ['shutdown', 'transcript'] },
  })
  const input = worker.input(agentLimits())
  await start(input)
  await end(input)
  await worker.result(input.sessionId)
  await saveSession(input, 'session-agent-ended-by-user')
})

it('a talk with an agent that its webhooks tell of', async () => {
  worker = await startSessionWorker()
  const input = worker.input({ ...agentLimits({ confirmMs: 10_000, artifactWaitMs: 30_000 }), recording: true })
  await start(input)
  await tell(input, 'participant_joined')
  const at = new Date().toISOString()
  await worker.sessions.signal(input.sessionId, { key: 'transcript', kind: 'transcript', at, over: true })
  await worker.sessions.signal(input.sessionId, { key: 'recording', kind: 'recording', at })
  await worker.result(input.sessionId)
  await saveSession(input, 'session-agent-told')
})

it('a talk with an agent that nobody began', async () => {
  worker = await startSessionWorker({
    askConversation: async () => ({ live: false, kinds: ['shutdown', 'transcript', 'recording'] }),
    createConversation: async (input) => ({
      ...(await calmActivities().createConversation(input)),
      createdAt: new Date(Date.now() - 60_000).toISOString(),
    }),
  })
  const input = worker.input(agentLimits({ joinMs: 1000 }))
  await start(input)
  await worker.result(input.sessionId)
  await saveSession(input, 'session-agent-never-begun')
})

it('a talk with an agent that its own timer gives up', async () => {
  worker = await startSessionWorker()
  const input = worker.input({ maxSeconds: 1, ...agentLimits({ maxGraceMs: 100 }) })
  await start(input)
  await tell(input, 'participant_joined')
  await worker.result(input.sessionId)
  await saveSession(input, 'session-agent-max-duration')
})

it('rounds of the comparison with the provider, one of which fails', async () => {
  let rounds = 0
  const sweepSessions: ReconcileActivities['sweepSessions'] = async () => {
    if (++rounds === 2) throw ApplicationFailure.nonRetryable('the provider is away')
    return { asked: 2, ended: 1, mended: 1 }
  }
  worker = await startSessionWorker({ sweepSessions } as Partial<SessionActivities>)
  const workflowId = `session-reconcile-${worker.taskQueue}`
  const { taskQueue, client } = worker
  const handle = await client.workflow.start('sessionReconcile', { workflowId, taskQueue, args: [{ everyMs: 300 }] })
  await eventually(
    async () => rounds,
    (count) => count >= 3,
  )
  await sleep(100)
  await save(workflowId, 'session-reconcile')
  await handle.terminate('recorded')
})

const countedAt = '2026-03-01T10:00:00.000000Z'
const position = (n: number): [string, string] => [`2026-03-01T09:00:0${n}.000000Z`, `id${n}`]
const replayOf = { tenantId: 't1', filter: { provider: 'tavus' }, countedAt, total: 5, batchSize: 2 }

it('a replay of several batches, one of which has to be tried again', async () => {
  let calls = 0
  const replayBatch: WebhookReplayActivities['replayBatch'] = async ({ limit }) => {
    if (++calls === 2) throw new Error('the database is away')
    return { statuses: { processed: limit }, superseded: 0, next: position(calls) }
  }
  worker = await startSessionWorker({ replayBatch } as Partial<SessionActivities>)
  const { taskQueue, client } = worker
  const workflowId = replayWorkflowId(taskQueue)
  await client.workflow.execute('webhookReplay', { workflowId, taskQueue, args: [replayOf] })
  await save(workflowId, 'webhook-replay')
})

it('a replay that is cancelled', async () => {
  let calls = 0
  const replayBatch: WebhookReplayActivities['replayBatch'] = async () => {
    if (++calls === 2) await sleep(1000)
    return { statuses: { processed: 1, failed: 1 }, superseded: 0, next: position(calls) }
  }
  worker = await startSessionWorker({ replayBatch } as Partial<SessionActivities>)
  const { taskQueue, client } = worker
  const workflowId = replayWorkflowId(taskQueue)
  const handle = await client.workflow.start('webhookReplay', { workflowId, taskQueue, args: [replayOf] })
  await eventually(
    async () => calls,
    (count) => count === 2,
  )
  await handle.cancel()
  expect(await handle.result()).toMatchObject({ state: 'cancelled', done: 4 })
  await save(workflowId, 'webhook-replay-cancelled')
})

it('a purge of several batches', async () => {
  const deleted = [10, 3, 10, 0]
  const next = async () => deleted.shift() ?? 0
  const steps = { purgeReceipts: next, purgeRefreshTokens: next, reportPurge: async () => undefined }
  worker = await startSessionWorker(steps as Partial<SessionActivities>)
  const { taskQueue, client } = worker
  const workflowId = `webhook-purge-${taskQueue}`
  const args = [{ receiptTtlDays: 90, batchSize: 10 }]
  expect(await client.workflow.execute('webhookPurge', { workflowId, taskQueue, args })).toEqual({
    receipts: 13,
    refreshTokens: 10,
  })
  await save(workflowId, 'webhook-purge')
})

const waiting = { status: 'queued', submitted: true } as const
const done = { status: 'completed', submitted: true } as const
const never = () => Promise.reject(new Error('not expected'))

async function startJob(steps: Partial<UwcActivities>, limits: UwcJobInput['limits']) {
  const { checkUwcJob = never, endUwcJob = never, submitUwcJob = never } = steps
  worker = await startSessionWorker({ checkUwcJob, endUwcJob, submitUwcJob } as Partial<SessionActivities>)
  const { taskQueue, client } = worker
  const requestId = randomUUID()
  const workflowId = uwcJobWorkflowId('asr', requestId)
  const job = { id: 'row', tenantId: 't1', kind: 'asr', requestId, providerQueue: taskQueue, limits } as const
  const handle = await client.workflow.start('uwcJob', { workflowId, taskQueue, args: [job] })
  return { handle, workflowId, requestId }
}

it('a job of the partner that its webhook ends', async () => {
  let sent = 0
  const submitUwcJob: UwcActivities['submitUwcJob'] = async () => {
    if (++sent === 1) throw new Error('the partner is away')
    return waiting
  }
  const limits = { timeoutMs: 60_000, pollMs: 30_000 }
  const { handle, workflowId, requestId } = await startJob({ submitUwcJob, checkUwcJob: async () => done }, limits)
  await eventually(
    async () => sent,
    (count) => count === 2,
  )
  await sleep(300)
  const signal = { key: 'uwc/asr/msg_1/completed', kind: 'job_over', job: 'asr', requestId } as const
  const receipts = await startSessionWorker({
    processReceipt: async () => ({ status: 'processed', signal }),
  } as Partial<SessionActivities>)
  const deliveryId = `webhook/uwc/${requestId}`
  await receipts.client.workflow.execute('webhookDelivery', {
    workflowId: deliveryId,
    taskQueue: receipts.taskQueue,
    args: [{ receiptId: 'receipt' }],
  })
  expect(await handle.result()).toEqual(done)
  await save(workflowId, 'uwc-job-told')
  await save(deliveryId, 'webhook-delivery-job-told')
  await receipts.stop()
})

it('a job whose webhook comes before the partner has answered', async () => {
  let sending = false
  const submitUwcJob: UwcActivities['submitUwcJob'] = async () => {
    sending = true
    await sleep(1500)
    return waiting
  }
  const { handle, workflowId } = await startJob(
    { submitUwcJob, checkUwcJob: async () => done },
    { timeoutMs: 60_000, pollMs: 30_000 },
  )
  await eventually(
    async () => sending,
    (is) => is,
  )
  await handle.signal('jobOver', { key: 'early' })
  expect(await handle.result()).toEqual(done)
  await save(workflowId, 'uwc-job-told-early')
})

it('a job that the partner is asked for, forgets, and is sent again', async () => {
  const answers = [waiting, { status: 'queued', submitted: false } as const, waiting, done]
  const { handle, workflowId } = await startJob(
    { submitUwcJob: async () => waiting, checkUwcJob: async () => answers.shift() ?? done },
    { timeoutMs: 60_000, pollMs: 100 },
  )
  expect(await handle.result()).toEqual(done)
  await save(workflowId, 'uwc-job-asked')
})

it('a job that runs out of time', async () => {
  const { handle, workflowId } = await startJob(
    {
      submitUwcJob: async () => waiting,
      checkUwcJob: async () => waiting,
      endUwcJob: async () => ({ status: 'timed_out', submitted: true }),
    },
    { timeoutMs: 500, pollMs: 200 },
  )
  expect(await handle.result()).toMatchObject({ status: 'timed_out' })
  await save(workflowId, 'uwc-job-timed-out')
})

it('a job that the partner refuses', async () => {
  const { handle, workflowId } = await startJob(
    {
      submitUwcJob: async () => {
        throw ApplicationFailure.create({ type: 'provider_rejected', nonRetryable: true, message: 'refused' })
      },
      endUwcJob: async () => ({ status: 'failed', submitted: false }),
    },
    { timeoutMs: 60_000, pollMs: 1000 },
  )
  expect(await handle.result()).toMatchObject({ status: 'failed' })
  await save(workflowId, 'uwc-job-refused')
})

it('a daily recap of two days, one of which has to be tried again', async () => {
  let tries = 0
  const steps: Partial<AnalyticsActivities> = {
    dueRecaps: async () => ['2026-03-01', '2026-03-02'],
    writeRecap: async ({ date }) => {
      if (++tries === 2) throw new Error('the database is away')
      return date === '2026-03-01'
    },
  }
  worker = await startSessionWorker(steps as Partial<SessionActivities>)
  const { taskQueue, client } = worker
  const workflowId = `daily-recap-${taskQueue}`
  expect(await client.workflow.execute('dailyRecap', { workflowId, taskQueue, args: [{ tenantId: 't1' }] })).toEqual({
    written: ['2026-03-01'],
  })
  await save(workflowId, 'daily-recap')
})

it('rounds of counting, one without schedules', async () => {
  let rounds = 0
  const steps: Partial<AnalyticsActivities> = {
    countChanges: async () => ({ counted: 10, more: ++rounds % 3 !== 0 }),
    scheduleRecaps: async () => {
      if (rounds === 3) throw ApplicationFailure.nonRetryable('the engine has no schedules')
      return { scheduled: 1 }
    },
  }
  worker = await startSessionWorker(steps as Partial<SessionActivities>)
  const { taskQueue, client } = worker
  const workflowId = `analytics-counting-${taskQueue}`
  const args = [{ batchSize: 10, idleMs: 300, recapHour: 6 }]
  const handle = await client.workflow.start('analyticsCounting', { workflowId, taskQueue, args })
  await eventually(
    async () => rounds,
    (count) => count >= 7,
  )
  await handle.signal('count')
  await sleep(300)
  await save(workflowId, 'analytics-counting')
  await handle.terminate('recorded')
})

const followUpInput = (taskQueue: string): FollowUpInput => ({
  tenantId: 't1',
  followUpId: taskQueue,
  providerQueue: taskQueue,
  limits: { draftPauseMs: 10, draftMs: 10_000, resultMs: 50, resultAsks: 3 },
})
const followUpSteps: FollowUpActivities & FollowUpCarrierActivities = {
  beginFollowUp: async () => ({ state: 'go', needsDraft: false }),
  recordFollowUp: async () => ({ state: 'sent' }),
  withdrawFollowUp: async () => undefined,
  sweepFollowUps: async () => ({ started: 0 }),
  draftFollowUp: async () => ({ state: 'ready' }),
  sendFollowUp: async () => ({ state: 'answered', dispatch: { state: 'accepted', externalId: 'SM1' } }),
  resolveFollowUp: async () => ({ state: 'sent' }),
  askForResult: async () => ({ over: true }),
}

async function runFollowUp(steps: Partial<typeof followUpSteps>) {
  worker = await startSessionWorker({ ...followUpSteps, ...steps } as Partial<SessionActivities>)
  const { taskQueue, client } = worker
  const workflowId = followUpWorkflowId(taskQueue)
  return await client.workflow.start('followUp', { workflowId, taskQueue, args: [followUpInput(taskQueue)] })
}

it('a follow-up that waits for its draft and its time, is refused once, and is sent', async () => {
  let looks = 0
  let tries = 0
  const handle = await runFollowUp({
    beginFollowUp: async () => ({ state: 'go', needsDraft: true }),
    draftFollowUp: async () => ({ state: ++looks === 1 ? 'pending' : 'ready' }),
    sendFollowUp: async () => {
      if (++tries === 1) return { state: 'wait', until: Date.now() + 100 }
      if (tries === 2) return { state: 'answered', dispatch: { state: 'not_accepted', retryAfterSeconds: 1 } }
      return { state: 'answered', dispatch: { state: 'accepted', externalId: 'SM1' } }
    },
    recordFollowUp: async ({ dispatch }) =>
      dispatch.state === 'accepted' ? { state: 'sent' } : { state: 'again', afterMs: 100 },
    askForResult: async () => ({ over: tries++ > 3 }),
  })
  await handle.result()
  await save(handle.workflowId, 'follow-up-sent')
})

it('a follow-up whose try was unclear, and which is found at its provider', async () => {
  let asked = 0
  const handle = await runFollowUp({
    sendFollowUp: async () => {
      throw ApplicationFailure.nonRetryable('the worker died')
    },
    resolveFollowUp: async () => (++asked === 1 ? { state: 'ask_again', afterMs: 50 } : { state: 'sent' }),
  })
  await handle.result()
  await save(handle.workflowId, 'follow-up-unclear')
})

it('a follow-up that is called off while it waits, and one that is cancelled by an operator', async () => {
  let tries = 0
  const calledOff = await runFollowUp({
    sendFollowUp: async () => (++tries === 1 ? { state: 'wait', until: Date.now() + 3_600_000 } : { state: 'over' }),
  })
  await eventually(
    async () => tries,
    (count) => count === 1,
  )
  await calledOff.signal('followUpChanged')
  await calledOff.result()
  await save(calledOff.workflowId, 'follow-up-called-off')
  await worker.stop()
  tries = 0
  const cancelled = await runFollowUp({
    sendFollowUp: async () => {
      tries++
      return { state: 'wait', until: Date.now() + 3_600_000 }
    },
  })
  await eventually(
    async () => tries,
    (count) => count === 1,
  )
  await cancelled.cancel()
  await cancelled.result().catch(() => undefined)
  await save(cancelled.workflowId, 'follow-up-cancelled')
})
