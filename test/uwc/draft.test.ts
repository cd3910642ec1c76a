import { randomUUID } from 'node:crypto'
import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, it } from 'vitest'
import { createUwcDraftActivities, type UwcDraftDeps } from '../../activities/uwc-draft.js'
import { NotFoundError } from '../../src/domain/errors.js'
import { draftOf } from '../../src/store/uwc-drafts.js'

type Read = Awaited<ReturnType<UwcDraftDeps['drafts']['read']>>

/** The step with what the row says, look by look; the last one again and again. */
function step(reads: Read[], more: Partial<UwcDraftDeps> = {}) {
  const started: string[] = []
  const asked: unknown[] = []
  const activities = createUwcDraftActivities({
    enabled: () => true,
    startJob: (job) => Promise.resolve(void started.push(job.id)),
    ...more,
    drafts: {
      request: (wanted) => {
        asked.push(wanted)
        return Promise.resolve({ id: 'row-1', requestId: 'r-1' })
      },
      read: () => Promise.resolve((reads.length > 1 ? reads.shift() : reads[0]) as Read),
      ...more.drafts,
    },
  })
  const run = (withinMs: number) =>
    new MockActivityEnvironment({ scheduledTimestampMs: Date.now() }).run(activities.requestFollowUpDraft, {
      tenantId: 't',
      requestKey: randomUUID(),
      leadId: 'l',
      channel: 'sms' as const,
      withinMs,
    })
  return { run, started, asked }
}

const queued: Read = { status: 'queued', error: null }

describe('@unit the step that gets a draft', () => {
  it('waits until it is there', async () => {
    const { run, started } = step([queued, queued, { status: 'completed', draft: 'Hello', error: null }])
    expect(await run(60_000)).toEqual({ state: 'drafted', draft: 'Hello', jobId: 'row-1' })
    expect(started).toEqual(['row-1'])
  })

  it('asks for none while the feature is off', async () => {
    const { run, asked, started } = step([queued], { enabled: () => false })
    expect(await run(60_000)).toEqual({ state: 'disabled' })
    expect([asked, started]).toEqual([[], []])
  })

  it.each<[Read, string]>([
    [{ status: 'failed', error: 'provider_rejected' }, 'provider_rejected'],
    [{ status: 'timed_out', error: 'timed_out' }, 'timed_out'],
    [{ status: 'completed', error: null }, 'no_draft'],
  ])('says that there is none: %j', async (read, reason) => {
    expect(await step([read]).run(60_000)).toEqual({ state: 'failed', jobId: 'row-1', reason })
  })

  it('does not wait for one that is late', async () => {
    expect(await step([queued]).run(0)).toEqual({ state: 'late', jobId: 'row-1' })
  })

  it('says when the company has no such lead', async () => {
    const drafts = {
      request: () => Promise.reject(new NotFoundError('no such lead')),
      read: () => Promise.resolve(queued),
    }
    expect(await step([queued], { drafts }).run(60_000)).toEqual({ state: 'unknown' })
  })

  it('goes on when the workflow cannot be started now', async () => {
    const { run } = step([{ status: 'completed', draft: 'Hello', error: null }], {
      startJob: () => Promise.reject(new Error('the engine is away')),
    })
    expect(await run(60_000)).toMatchObject({ state: 'drafted' })
  })
})

describe('@unit the text of a draft', () => {
  it.each([
    [{ draft: 'a' }, 'a'],
    [{ draft: { text: 'b' } }, 'b'],
    [{ draft: { body: 'c' } }, 'c'],
    [{ text: 'd' }, 'd'],
    [{ message: 'e' }, 'e'],
    [{ draft: '  ' }, undefined],
    [{ draft: 7 }, undefined],
    [{}, undefined],
  ])('of %j is %j', (result, text) => expect(draftOf(result)).toBe(text))
})
