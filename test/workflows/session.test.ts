import { sleep as hang } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { CreateInput, SessionActivities } from '../../activities/session.js'
import { pending, type SessionInput } from '../../workflows/messages.js'
import { calmActivities, type SessionWorker, startSessionWorker } from '../support/session-worker.js'

let worker: SessionWorker | undefined
afterEach(async () => {
  await worker?.stop()
  worker = undefined
})

/** Notes every call of the steps that a test wants to count. */
function noting(changes: Partial<SessionActivities> = {}) {
  const calls: { name: string; input: unknown }[] = []
  const steps = { ...calmActivities(), ...changes } as unknown as Record<string, (input: unknown) => Promise<unknown>>
  const noted = Object.fromEntries(
    Object.entries(steps).map(([name, step]) => [
      name,
      async (input: unknown) => {
        calls.push({ name, input })
        return await step(input)
      },
    ]),
  )
  return {
    calls,
    named: (name: string) => calls.filter((call) => call.name === name),
    activities: noted as unknown as SessionActivities,
  }
}

const start = (input: SessionInput, requestId = 'request-1') =>
  worker!.sessions.start(input, { requestId, timeoutMs: 20_000 })
const owner = { tenantId: 't1', userId: 'u1', role: 'rep' as const }
const end = (input: SessionInput, actor: object | undefined = owner) =>
  worker!.sessions.end(input.sessionId, { actor: actor as never, reason: 'user' }, 20_000)
const event = (input: SessionInput, kind: 'shutdown' | 'transcript' | 'recording' | 'participant_joined', key = kind) =>
  worker!.sessions.signal(input.sessionId, { key, kind, at: new Date().toISOString() })

async function until(condition: () => boolean | Promise<boolean>, limitMs = 8000): Promise<void> {
  const giveUpAt = Date.now() + limitMs
  while (!(await condition())) {
    if (Date.now() > giveUpAt) throw new Error('it did not come to be')
    await sleep(20)
  }
}

describe('a session that goes well', () => {
  it('answers when it can be joined, ends at the provider once, and closes when everything has arrived', async () => {
    const { activities, named } = noting()
    worker = await startSessionWorker(activities)
    const input = worker.input()
    const { ready } = await start(input)
    expect(ready).toMatchObject({
      sessionId: input.sessionId,
      startedBy: 'request-1',
      conversationId: 'c1',
      conversationUrl: 'https://tavus.daily.co/c1',
      status: 'active',
      prewarm: { skipped: true, reason: 'disabled' },
      systemUserId: 'u1',
      dbTracking: 'success',
    })
    const ended = await end(input)
    expect(ended).toMatchObject({
      conversationId: 'c1',
      status: 'completed',
      durationSeconds: 300,
      endReason: 'user',
      dbTracking: 'success',
    })
    await event(input, 'shutdown')
    await event(input, 'transcript')
    expect(await worker.result(input.sessionId)).toEqual({ sessionId: input.sessionId, conversationId: 'c1' })
    expect(named('endConversation')).toEqual([
      { name: 'endConversation', input: { conversationId: 'c1', provider: 'tavus' } },
    ])
    expect(named('createConversation')).toHaveLength(1)
  })

  it('gives the same answer to every end, and none once it has closed', async () => {
    const { activities, named } = noting()
    worker = await startSessionWorker(activities)
    const input = worker.input()
    await start(input)
    const [first, second] = await Promise.all([end(input), end(input)])
    expect(second).toEqual(first)
    await worker.result(input.sessionId)
    expect(await end(input)).toBeUndefined()
    expect(named('endConversation')).toHaveLength(1)
  })

  it('does not ask the provider for an end that the provider told of', async () => {
    const { activities, named } = noting()
    worker = await startSessionWorker(activities)
    const input = worker.input()
    await start(input)
    await event(input, 'shutdown')
    await event(input, 'transcript')
    await worker.result(input.sessionId)
    expect(named('endConversation')).toEqual([])
    expect(named('recordFacts')).toHaveLength(1)
  })

  it('waits for the recording where one is made', async () => {
    const { activities } = noting({ askConversation: async () => ({ live: false, kinds: ['shutdown', 'transcript'] }) })
    worker = await startSessionWorker(activities)
    const input = worker.input({ recording: true })
    await start(input)
    await end(input)
    await event(input, 'shutdown')
    await event(input, 'transcript')
    await sleep(200)
    expect((await worker.sessions.state(input.sessionId))?.phase).toBe('awaiting_artifacts')
    await event(input, 'recording')
    await worker.result(input.sessionId)
  })

  it('closes without artefacts that never come, after their time', async () => {
    const { activities, named } = noting({ askConversation: async () => ({ live: false, kinds: ['shutdown'] }) })
    worker = await startSessionWorker(activities)
    const input = worker.input({ limits: { artifactWaitMs: 1500 } as SessionInput['limits'] })
    await start(input)
    await end(input)
    await worker.result(input.sessionId)
    expect(named('askConversation').length).toBeGreaterThan(1)
    expect((await worker.sessions.state(input.sessionId))?.phase).toBe('closed')
  })
})

describe('a start', () => {
  it('passes what the model’s prewarm came to, also when that failed', async () => {
    worker = await startSessionWorker({
      prewarmModel: async () => ({ success: false, error: 'cold', duration_sec: 30 }),
    })
    const { ready } = await start(worker.input({ prewarm: true }))
    expect(ready.prewarm).toEqual({ success: false, error: 'cold', duration_sec: 30 })
  })

  it('goes on when the prewarm step itself breaks', async () => {
    worker = await startSessionWorker({ prewarmModel: () => Promise.reject(new Error('worker died')) })
    const { ready } = await start(worker.input({ prewarm: true }))
    expect(ready.prewarm).toEqual({ success: false, error: 'the prewarm did not finish', duration_sec: 0 })
  })

  it('gives everybody who asks under one key the same session', async () => {
    const { activities, named } = noting()
    worker = await startSessionWorker(activities)
    const input = worker.input()
    const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => start(input, `request-${n}`)))
    expect(new Set(answers.map(({ ready }) => ready.conversationId))).toEqual(new Set(['c1']))
    expect(named('createConversation')).toHaveLength(1)
  })

  it('answers the request that began it once its conversation is there, and no other before the engine does', async () => {
    let finish: () => void = () => undefined
    const held = new Promise<void>((resolve) => (finish = resolve))
    worker = await startSessionWorker({
      createConversation: async (input: CreateInput) => {
        const { tracking, ...created } = await calmActivities().createConversation(input)
        const { sessionId, prewarm } = input.track
        const { startedBy } = input
        worker!.notices.announce({ sessionId, startedBy, ...created, prewarm, ...(tracking ?? pending) })
        await held
        return { ...created, tracking }
      },
    })
    const input = worker.input()
    const { ready } = await start(input)
    expect(ready).toMatchObject({ sessionId: input.sessionId, conversationId: 'c1', dbTracking: 'success' })
    const others = [start(input, 'request-2'), start({ ...input, requestHash: 'another' }, 'request-3')]
    const first = await Promise.race([...others, sleep(300)]).catch((error: unknown) => error)
    expect(first).toMatchObject({ status: 422 })
    finish()
    expect(await others[0]).toMatchObject({ ready: { conversationId: 'c1', startedBy: 'request-1' } })
    await expect(others[1]).rejects.toMatchObject({ status: 422 })
  })

  it('refuses another request under the same key, running or closed', async () => {
    worker = await startSessionWorker()
    const input = worker.input()
    await start(input)
    const other = { ...input, requestHash: 'another' }
    await expect(start(other, 'request-2')).rejects.toMatchObject({
      status: 422,
      errors: [{ pointer: 'header/idempotency-key' }],
    })
    await end(input)
    await worker.result(input.sessionId)
    await expect(start(other, 'request-3')).rejects.toMatchObject({ status: 422 })
    expect((await start(input, 'request-4')).ended).toMatchObject({ conversationId: 'c1', endReason: 'user' })
  })

  it('answers the provider’s refusal, tries no second time, and looks for nothing to end', async () => {
    const refusal = ApplicationFailure.nonRetryable(
      'tavus answered create with 402: out of credits',
      'provider_out_of_credits',
      {
        status: 402,
        providerStatus: 402,
        effectless: true,
      },
    )
    const { activities, named } = noting({ createConversation: () => Promise.reject(refusal) })
    worker = await startSessionWorker(activities)
    const input = worker.input()
    await expect(start(input)).rejects.toMatchObject({ code: 'provider_out_of_credits', status: 402 })
    expect(named('createConversation')).toHaveLength(1)
    expect(named('endByName')).toEqual([])
  })

  it('ends what may have been created when the result stayed unknown, and may be tried again under its key', async () => {
    const lost = ApplicationFailure.create({
      message: 'no answer',
      type: 'provider_timeout',
      nonRetryable: true,
      details: [{ status: 503 }],
    })
    let broken = true
    const { activities, named } = noting({
      createConversation: (input: CreateInput) =>
        broken ? Promise.reject(lost) : calmActivities().createConversation(input),
    })
    worker = await startSessionWorker(activities)
    const input = worker.input()
    await expect(start(input)).rejects.toMatchObject({ code: 'provider_timeout', status: 503 })
    await expect(worker.result(input.sessionId)).rejects.toThrow()
    expect(named('endByName')).toEqual([
      { name: 'endByName', input: { sessionId: input.sessionId, provider: 'tavus' } },
    ])
    broken = false
    expect((await start(input, 'request-2')).ready.conversationId).toBe('c1')
  })

  it('gives the place of an anonymous start that failed back', async () => {
    const refusal = ApplicationFailure.nonRetryable('no', 'provider_rejected', { status: 400, effectless: true })
    const { activities, named } = noting({ createConversation: () => Promise.reject(refusal) })
    worker = await startSessionWorker(activities)
    const input = worker.input({ owner: undefined })
    await expect(start(input)).rejects.toMatchObject({ code: 'provider_rejected' })
    await expect(worker.result(input.sessionId)).rejects.toThrow()
    expect(named('releaseUntracked')).toEqual([{ name: 'releaseUntracked', input: { sessionId: input.sessionId } }])
  })

  it('does not wait for a row that could not be written yet, and writes it in the background', async () => {
    const { activities, named } = noting({
      createConversation: async (input: CreateInput) => ({
        ...(await calmActivities().createConversation(input)),
        tracking: undefined,
      }),
    })
    worker = await startSessionWorker(activities)
    const input = worker.input()
    const { ready } = await start(input)
    expect(ready).toMatchObject({ conversationId: 'c1', dbTracking: 'pending' })
    await until(() => named('trackSession').length === 1)
    expect(named('trackSession')[0]?.input).toMatchObject({
      sessionId: input.sessionId,
      conversationId: 'c1',
      owner: input.owner,
      prewarm: { skipped: true, reason: 'disabled' },
    })
  })

  it('warms a cold model in a step of its own once it has not answered at once', async () => {
    const { activities, named } = noting({
      prewarmModel: async () => {
        await sleep(1300)
        return { success: true, status: 200, duration_sec: 1.3 }
      },
    })
    worker = await startSessionWorker(activities)
    const { ready } = await start(worker.input({ prewarm: true }))
    expect(ready.prewarm).toEqual({ success: true, status: 200, duration_sec: 1.3 })
    expect(named('prewarmModel')).toHaveLength(2)
  })

  it('whose result the engine never learned goes on with what its row says was created', async () => {
    const { activities, named } = noting({
      createConversation: () => hang(60_000) as never,
      recoverConversation: () => calmActivities().createConversation(undefined as never),
    })
    worker = await startSessionWorker(activities)
    const input = worker.input({ limits: { startMs: 300, trackMs: 300 } as SessionInput['limits'] })
    expect((await start(input)).ready).toMatchObject({ conversationId: 'c1', dbTracking: 'success' })
    expect(named('endByName')).toEqual([])
    expect((await end(input))?.status).toBe('completed')
  })

  it('whose result the engine never learned fails when no row says that anything was created', async () => {
    const { activities, named } = noting({
      createConversation: () => hang(60_000) as never,
    })
    worker = await startSessionWorker(activities)
    const input = worker.input({ limits: { startMs: 300, trackMs: 300 } as SessionInput['limits'] })
    await expect(start(input)).rejects.toMatchObject({ code: 'provider_timeout', status: 503 })
    await expect(worker.result(input.sessionId)).rejects.toThrow()
    expect(named('endByName')).toHaveLength(1)
  })

  it('that finds its conversation over says so, and closes', async () => {
    worker = await startSessionWorker({
      createConversation: async (input: CreateInput) => ({
        ...(await calmActivities().createConversation(input)),
        status: 'ended',
      }),
    })
    const input = worker.input()
    expect((await start(input)).ready.status).toBe('ended')
    await worker.result(input.sessionId)
    expect((await worker.sessions.state(input.sessionId))?.end).toMatchObject({ conversationId: 'c1' })
  })

  it('that is ended while the provider refuses for now is given up, and looked for', async () => {
    const busy = ApplicationFailure.create({ message: 'busy', type: 'provider_rate_limited', nextRetryDelay: '60s' })
    const { activities, named } = noting({ createConversation: () => Promise.reject(busy) })
    worker = await startSessionWorker(activities)
    const input = worker.input({ limits: { startMs: 120_000 } as SessionInput['limits'] })
    const starting = start(input).catch((error: unknown) => error)
    await until(() => named('createConversation').length === 1)
    await expect(end(input)).rejects.toMatchObject({ code: 'session_ended' })
    expect(await starting).toMatchObject({ code: 'session_ended', status: 409 })
    await expect(worker.result(input.sessionId)).rejects.toThrow()
    expect(named('createConversation')).toHaveLength(1)
    expect(named('endByName')).toHaveLength(1)
  })

  it('that is asked for again after its end tells the end', async () => {
    worker = await startSessionWorker({ askConversation: async () => ({ live: false, kinds: [] }) })
    const input = worker.input()
    await start(input)
    const ended = await end(input)
    expect((await start(input, 'request-2')).ended).toEqual(ended)
  })

  it('that is ended before the conversation exists creates none', async () => {
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    const { activities, named } = noting({
      prewarmModel: async () => {
        await held
        return { success: true, status: 200, duration_sec: 1 }
      },
    })
    worker = await startSessionWorker(activities)
    const input = worker.input({ prewarm: true })
    const starting = start(input).catch((error: unknown) => error)
    await until(() => named('prewarmModel').length === 2) // cold: the step of its own
    const ending = end(input).catch((error: unknown) => error)
    await sleep(100)
    release()
    expect(await starting).toMatchObject({ code: 'session_ended', status: 409 })
    expect(await ending).toMatchObject({ code: 'session_ended' })
    expect(named('createConversation')).toEqual([])
  })
})

describe('an end', () => {
  it.each([
    ['another user of the company', { tenantId: 't1', userId: 'u2', role: 'rep' }, false],
    ['a csr of the company', { tenantId: 't1', userId: 'u2', role: 'csr' }, false],
    ['leadership of another company', { tenantId: 't2', userId: 'u1', role: 'leadership' }, false],
    ['leadership of the company', { tenantId: 't1', userId: 'u9', role: 'leadership' }, true],
  ])('by %s', async (_who, actor, allowed) => {
    const { activities, named } = noting()
    worker = await startSessionWorker(activities)
    const input = worker.input()
    await start(input)
    if (allowed) expect(await end(input, actor)).toMatchObject({ conversationId: 'c1' })
    else {
      await expect(end(input, actor)).rejects.toMatchObject({ status: 404 })
      expect(named('endConversation')).toEqual([])
    }
  })

  it('by nobody ends an anonymous session, and only such a one', async () => {
    worker = await startSessionWorker()
    const anonymous = worker.input({ owner: undefined })
    await start(anonymous)
    expect(await worker.sessions.end(anonymous.sessionId, { reason: 'user' }, 20_000)).toMatchObject({
      conversationId: 'c1',
    })
    const owned = worker.input()
    await start(owned)
    await expect(worker.sessions.end(owned.sessionId, { reason: 'user' }, 20_000)).rejects.toMatchObject({
      status: 404,
    })
  })

  it('of an unknown session finds none', async () => {
    worker = await startSessionWorker()
    expect(await end(worker.input())).toBeUndefined()
  })

  it('comes by the session’s own timer when nobody else ends it', async () => {
    const { activities, named } = noting()
    worker = await startSessionWorker(activities)
    const input = worker.input({ maxSeconds: 1, limits: { maxGraceMs: 100 } as SessionInput['limits'] })
    await start(input)
    await worker.result(input.sessionId)
    expect(named('endConversation')).toHaveLength(1)
    expect(named('recordFacts')[0]?.input).toMatchObject({ facts: { endRequestedBy: 'max_duration' } })
  })

  it('is asked for until the provider accepts it', async () => {
    let tries = 0
    const { activities, named } = noting({
      endConversation: async () => {
        if (++tries < 3) throw new Error('503')
        return { endedAt: '2026-11-21T10:05:00.000Z' }
      },
    })
    worker = await startSessionWorker(activities)
    const input = worker.input()
    await start(input)
    await end(input)
    await worker.result(input.sessionId)
    expect(tries).toBe(3)
    expect(named('recordFacts').length).toBeGreaterThanOrEqual(1)
  })

  it('is asked for again when the conversation turns out to run on', async () => {
    let asked = 0
    const { activities, named } = noting({
      askConversation: async () =>
        ++asked === 1 ? { live: true, kinds: [] } : { live: false, kinds: ['shutdown', 'transcript'] },
    })
    worker = await startSessionWorker(activities)
    const input = worker.input()
    await start(input)
    await end(input)
    await worker.result(input.sessionId)
    expect(named('endConversation')).toHaveLength(2)
  })

  it('asks once more when nobody told of the joining, from which the duration counts', async () => {
    const { recordFacts } = calmActivities()
    const { activities, named } = noting({
      recordFacts: async (input) => {
        const result = await recordFacts(input)
        return result.found ? { ...result, outcome: { ...result.outcome, joinedAt: undefined } } : result
      },
    })
    worker = await startSessionWorker(activities)
    const input = worker.input({ limits: { confirmMs: 10_000, artifactWaitMs: 20_000 } as SessionInput['limits'] })
    await start(input)
    await end(input)
    await event(input, 'shutdown')
    await event(input, 'transcript')
    await worker.result(input.sessionId)
    expect(named('askConversation')).toHaveLength(1)
  })

  it('follows a cancellation by an operator', async () => {
    const { activities, named } = noting()
    worker = await startSessionWorker(activities)
    const input = worker.input()
    await start(input)
    await worker.client.workflow.getHandle(`session/${input.sessionId}`).cancel()
    await worker.result(input.sessionId)
    expect(named('endConversation')).toHaveLength(1)
    expect(named('recordFacts')[0]?.input).toMatchObject({ facts: { endRequestedBy: 'error' } })
  })
})

describe('a caller that hung up', () => {
  it('leaves a conversation that is ended after the time of abandonment', async () => {
    const { activities, named } = noting()
    worker = await startSessionWorker(activities)
    const input = worker.input()
    await start(input)
    await worker.sessions.callerGone(input.sessionId, 'request-1')
    await worker.result(input.sessionId)
    expect(named('recordFacts')[0]?.input).toMatchObject({ facts: { endRequestedBy: 'abandoned' } })
    expect(named('endConversation')).toHaveLength(1)
  })

  it('and asked again under its key meanwhile keeps the conversation', async () => {
    const { activities, named } = noting()
    worker = await startSessionWorker(activities)
    const input = worker.input()
    await start(input)
    await worker.sessions.callerGone(input.sessionId, 'request-1')
    await start(input, 'request-2')
    await sleep(500)
    expect(named('endConversation')).toEqual([])
    expect((await worker.sessions.state(input.sessionId))?.phase).toBe('active')
  })

  it('ends nothing when somebody joined', async () => {
    const { activities, named } = noting()
    worker = await startSessionWorker(activities)
    const input = worker.input()
    await start(input)
    await event(input, 'participant_joined')
    await worker.sessions.callerGone(input.sessionId, 'request-1')
    await sleep(500)
    expect(named('endConversation')).toEqual([])
  })
})

describe('a session with a provider that nobody can ask for an end', () => {
  const agent = (more: Partial<SessionInput> = {}) =>
    worker!.input({
      provider: 'elevenlabs',
      ...more,
      limits: { joinMs: 900_000, ...more.limits } as SessionInput['limits'],
    })

  it('is ended in the row at once, and asked about until the provider says that it is over', async () => {
    let asked = 0
    const { activities, named } = noting({
      askConversation: async () =>
        ++asked < 3
          ? { live: true, kinds: ['participant_joined'] }
          : { live: false, kinds: ['shutdown', 'transcript'] },
    })
    worker = await startSessionWorker(activities)
    // Longer than its artefacts are waited for: it may run on.
    const input = agent({ limits: { artifactWaitMs: 1 } as SessionInput['limits'] })
    await start(input)
    expect(await end(input)).toMatchObject({ conversationId: 'c1', status: 'completed' })
    await worker.result(input.sessionId)
    expect(asked).toBe(3)
    expect(named('endConversation')).toEqual([])
    const { facts } = named('recordFacts')[0]?.input as { facts: object }
    expect(facts).toMatchObject({ endRequestedBy: 'user' })
    expect(facts).not.toHaveProperty('endedAt')
    expect(named('askConversation')[0]?.input).toMatchObject({
      provider: 'elevenlabs',
      conversationId: 'c1',
      since: (facts as { createdAt: string }).createdAt,
      recording: false,
    })
  })

  it('is over by the event that brings its transcript', async () => {
    const { activities, named } = noting()
    worker = await startSessionWorker(activities)
    const input = agent()
    await start(input)
    const at = new Date().toISOString()
    await worker.sessions.signal(input.sessionId, { key: 'transcript', kind: 'transcript', at, over: true })
    await worker.result(input.sessionId)
    expect(named('recordFacts')).toHaveLength(1)
    expect([...named('endConversation'), ...named('askConversation')]).toEqual([])
  })

  it('asks once whether it has begun at all when its address has expired, and closes when it has not', async () => {
    const never = { live: false, kinds: ['shutdown', 'transcript', 'recording'] as never[] }
    const { activities, named } = noting({ askConversation: async () => never })
    worker = await startSessionWorker({
      ...activities,
      createConversation: async (input: CreateInput) => ({
        ...(await calmActivities().createConversation(input)),
        createdAt: new Date(Date.now() - 60_000).toISOString(),
      }),
    })
    const input = agent({ recording: true, limits: { joinMs: 1000 } as SessionInput['limits'] })
    await start(input)
    await worker.result(input.sessionId)
    expect(named('askConversation')).toHaveLength(1)
    expect(named('askConversation')[0]?.input).toMatchObject({ recording: true })
  })

  it('is given up by its own timer, counted from when somebody joined', async () => {
    const { activities, named } = noting()
    worker = await startSessionWorker(activities)
    const input = agent({ maxSeconds: 1, limits: { maxGraceMs: 100 } as SessionInput['limits'] })
    await start(input)
    await event(input, 'participant_joined')
    await worker.result(input.sessionId)
    expect(named('recordFacts')[0]?.input).toMatchObject({ facts: { endRequestedBy: 'max_duration' } })
    expect(named('endConversation')).toEqual([])
  })

  it('whose start failed leaves nothing to end', async () => {
    const lost = ApplicationFailure.create({ message: 'no answer', type: 'provider_timeout', nonRetryable: true })
    const { activities, named } = noting({ createConversation: () => Promise.reject(lost) })
    worker = await startSessionWorker(activities)
    const input = agent()
    await expect(start(input)).rejects.toMatchObject({ code: 'provider_timeout' })
    await expect(worker.result(input.sessionId)).rejects.toThrow()
    expect(named('endByName')).toEqual([])
  })
})
