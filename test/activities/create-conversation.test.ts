import { setTimeout as sleep } from 'node:timers/promises'
import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, it } from 'vitest'
import { createSessionActivities, type SessionActivityDeps, type TrackInput } from '../../activities/session.js'
import { createTavusConversations, type TavusConversationDeps } from '../../activities/tavus-conversations.js'
import { ConflictingSessionError, ProviderError } from '../../src/domain/errors.js'
import type { ReadySession } from '../../workflows/messages.js'

const createdAt = '2026-11-21T10:00:00.000Z'
const track = {
  sessionId: '019a0000-0000-7000-8000-000000000001',
  provider: 'tavus' as const,
  mode: 'plain' as const,
  owner: { userId: 'u1', tenantId: 't1' },
  prewarm: { skipped: true as const, reason: 'warm' },
  startedAt: Date.parse(createdAt) - 250,
}

const tavusDeps = (provider: object) =>
  ({
    installation: 'test',
    tavus: {
      create: async () => ({
        conversation_id: 'c1',
        conversation_url: 'https://tavus.daily.co/c1',
        status: 'active',
        created_at: createdAt,
      }),
      listActive: async () => ({ items: [], total: 0 }),
      ...provider,
    },
    defaults: { callbackUrl: () => 'http://127.0.0.1/tavus/callback' },
    now: () => Date.parse(createdAt),
  }) as unknown as TavusConversationDeps

/** The step with a provider that answers at once and a store of the test's own. */
async function create(
  store: (input: TrackInput) => Promise<{ systemUserId: string | null; dbTracking: string }>,
  { attempt = 1, keyed = false, row = undefined as string | undefined, provider = {} } = {},
) {
  const announced: ReadySession[] = []
  const quiet = new Proxy({}, { get: () => () => undefined })
  const activities = createSessionActivities({
    providers: { tavus: createTavusConversations(tavusDeps(provider)) },
    mentorRequest: async (_begun: object, request: object) => request,
    sessions: { track: store, findOwner: async () => row && { conversationId: row } },
    events: quiet,
    announceReady: (ready: ReadySession) => announced.push(ready),
    now: () => Date.parse(createdAt),
  } as unknown as SessionActivityDeps)
  const input = {
    request: {},
    maxSeconds: 60,
    recording: false,
    startedBy: 'request-1',
    keyed,
    trackMs: 100,
    track,
  }
  const result = await new MockActivityEnvironment({ attempt }).run(activities.createConversation, input)
  return { result, announced }
}

const conversation = { conversationId: 'c1', conversationUrl: 'https://tavus.daily.co/c1', status: 'active', createdAt }

it('creates and writes the row, which says how long the start took', async () => {
  const rows: TrackInput[] = []
  const { result, announced } = await create(async (row) => {
    rows.push(row)
    return { systemUserId: 'u1', dbTracking: 'success' }
  })
  expect(result).toEqual({ ...conversation, tracking: { systemUserId: 'u1', dbTracking: 'success' } })
  expect(announced).toEqual([
    {
      sessionId: track.sessionId,
      startedBy: 'request-1',
      ...conversation,
      prewarm: track.prewarm,
      systemUserId: 'u1',
      dbTracking: 'success',
    },
  ])
  expect(rows).toEqual([expect.objectContaining({ ...track, ...conversation, startMs: 250 })])
})

it.each([
  ['slower than the caller waits', () => sleep(60_000, undefined, { ref: false })],
  ['away', () => Promise.reject(new Error('connection refused'))],
])('gives the conversation without a row when the database is %s', async (_how, store) => {
  const { result, announced } = await create(store as never)
  expect(result).toEqual({ ...conversation, tracking: undefined })
  // The engine answers then, once it knows the conversation: an end right after it would find nothing.
  expect(announced).toEqual([])
})

it.each([
  [new ConflictingSessionError('another conversation'), 'failed: another conversation'],
  [Object.assign(new Error('violates'), { code: '23503' }), 'failed: the database refused the row (23503)'],
])('gives the conversation and says why the row is refused', async (error, dbTracking) => {
  const { result } = await create(() => Promise.reject(error))
  expect(result).toEqual({ ...conversation, tracking: { systemUserId: null, dbTracking } })
})

describe('a conversation that the row names already', () => {
  const over = { get: async (id: string) => ({ conversation_id: id, status: 'ended', created_at: createdAt }) }
  const never = { create: () => Promise.reject(new Error('created twice')) }
  const tracked = async () => ({ systemUserId: 'u1', dbTracking: 'success' })

  it.each([
    ['a second attempt', { attempt: 2 }],
    ['another run under the same key', { keyed: true }],
  ])('is not created again by %s, even when it is over', async (_who, how) => {
    const { result } = await create(tracked, { ...how, row: 'c0', provider: { ...over, ...never } })
    expect(result).toMatchObject({ conversationId: 'c0', status: 'ended', createdAt })
  })

  it('is over when the provider does not know it any more', async () => {
    const gone = { get: () => Promise.reject(new ProviderError('provider_not_found', 'gone', 'tavus', 404)) }
    const { result } = await create(tracked, { keyed: true, row: 'c0', provider: { ...gone, ...never } })
    expect(result).toMatchObject({ conversationId: 'c0', status: 'ended' })
  })
})
