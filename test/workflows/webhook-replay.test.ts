import { randomUUID } from 'node:crypto'
import { DefaultLogger, Runtime } from '@temporalio/worker'
import { afterEach, describe, expect, it } from 'vitest'
import type { SessionActivities } from '../../activities/session.js'
import type { WebhookReplayActivities } from '../../activities/webhook-replay.js'
import {
  type ReplayInput,
  type ReplayProgress,
  replayProgressQuery,
  replayWorkflowId,
} from '../../workflows/messages.js'
import { eventually } from '../support/client.js'
import { type SessionWorker, startSessionWorker } from '../support/session-worker.js'

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] })

let worker: SessionWorker | undefined
afterEach(async () => {
  await worker?.stop()
  worker = undefined
})

type Batch = WebhookReplayActivities['replayBatch']
const input: ReplayInput = {
  tenantId: 't1',
  filter: { status: 'failed' },
  countedAt: '2026-03-01T10:00:00.000000Z',
  total: 5,
  batchSize: 2,
}

async function begin(replayBatch: Batch, changes: Partial<ReplayInput> = {}) {
  worker = await startSessionWorker({ replayBatch } as Partial<SessionActivities>)
  const { client, taskQueue } = worker
  const handle = await client.workflow.start('webhookReplay', {
    workflowId: replayWorkflowId(randomUUID()),
    taskQueue,
    args: [{ ...input, ...changes }],
  })
  return { handle, result: handle.result() as Promise<ReplayProgress> }
}
const position = (n: number): [string, string] => [`2026-03-01T09:00:0${n}.000000Z`, `id${n}`]

describe('a replay @unit', () => {
  it('goes on from where each batch ended, and never takes more than were confirmed', async () => {
    const asked: Parameters<Batch>[0][] = []
    const { result } = await begin(async (batch) => {
      asked.push(batch)
      return { statuses: { processed: batch.limit }, superseded: 0, next: position(asked.length) }
    })
    expect(await result).toMatchObject({ state: 'completed', total: 5, done: 5, processed: 5 })
    expect(asked.map(({ limit, after }) => [limit, after])).toEqual([
      [2, undefined],
      [2, position(1)],
      [1, position(2)],
    ])
    expect(asked[0]).toMatchObject({ tenantId: 't1', filter: { status: 'failed' }, countedAt: input.countedAt })
  })

  it('ends when nothing is left of what was counted', async () => {
    const { result } = await begin(async () => ({ statuses: {}, superseded: 0 }))
    expect(await result).toMatchObject({ state: 'completed', total: 5, done: 0 })
  })

  it('counts what came of each', async () => {
    const { result, handle } = await begin(
      async ({ after }) =>
        after
          ? { statuses: { waiting: 1, received: 1 }, superseded: 0 }
          : { statuses: { processed: 1, failed: 1, unmatched: 1 }, superseded: 1, next: position(1) },
      { total: 6, batchSize: 4 },
    )
    const expected = { done: 6, processed: 1, failed: 1, waiting: 1, unmatched: 1, superseded: 1, postponed: 1 }
    expect(await result).toEqual({ state: 'completed', total: 6, ...expected })
    expect(await handle.query(replayProgressQuery)).toEqual({ state: 'completed', total: 6, ...expected })
  })

  it('counts the batch that runs when it is cancelled, and begins no other', async () => {
    let calls = 0
    let finish = () => {}
    const held = new Promise<void>((resolve) => (finish = resolve))
    const { handle, result } = await begin(async () => {
      if (++calls === 2) await held
      return { statuses: { processed: 2 }, superseded: 0, next: position(calls) }
    })
    await eventually(
      async () => calls,
      (count) => count === 2,
    )
    await handle.cancel()
    finish()
    expect(await result).toMatchObject({ state: 'cancelled', done: 4 })
    expect(calls).toBe(2)
  })

  it('can be cancelled while the database is away', async () => {
    let calls = 0
    const { handle, result } = await begin(async () => {
      calls++
      throw new Error('the database is away')
    })
    await eventually(
      async () => calls,
      (count) => count >= 1,
    )
    await handle.cancel()
    expect(await result).toMatchObject({ state: 'cancelled', done: 0 })
  })

  it('goes on after a batch that failed for a while', async () => {
    let calls = 0
    const { result } = await begin(
      async () => {
        if (++calls === 1) throw new Error('the database is away')
        return { statuses: { processed: 2 }, superseded: 0, next: position(1) }
      },
      { total: 2 },
    )
    expect(await result).toMatchObject({ state: 'completed', done: 2 })
  })
})
