import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, it } from 'vitest'
import { createElevenLabsConversations } from '../../activities/elevenlabs-conversations.js'
import { createSessionActivities, type SessionActivityDeps } from '../../activities/session.js'
import { ConflictingSessionError, ProviderError } from '../../src/domain/errors.js'
import type { SessionFacts } from '../../src/domain/session.js'
import { agentConversation } from '../../src/providers/elevenlabs/conversation.js'
import { factsOfConversation } from '../../src/providers/elevenlabs/events.js'

const sessionId = '019a0000-0000-7000-8000-000000000002'
const createdAt = '2026-11-21T10:00:00.000Z'
const signal = AbortSignal.timeout(60_000)
const gone = () => Promise.reject(new ProviderError('provider_not_found', 'gone', 'elevenlabs', 404))

/** The provider's part of a session with an API that answers as told, at some seconds after the creation. */
function conversations({ seconds = 0, answer = undefined as object | undefined, audio = ['ID3'], settled = 1 } = {}) {
  const recorded: SessionFacts[] = []
  const ingested: unknown[] = []
  const urls: string[] = []
  const provider = createElevenLabsConversations({
    agentId: 'agent_1',
    elevenlabs: {
      configured: true,
      signedUrl: async (agentId: string) => {
        urls.push(agentId)
        return { conversationId: `conv_${urls.length}`, url: `wss://agents.test/${urls.length}` }
      },
      getConversation: async () => (answer ? agentConversation(answer as Record<string, unknown>)! : await gone()),
      async *audio() {
        if (audio.length === 0) await gone()
        for (const piece of audio) yield Buffer.from(piece)
      },
    },
    factsOf: factsOfConversation,
    ingest: (async ({ events }: { events: unknown[] }) => {
      ingested.push(...events)
      return Array.from({ length: settled })
    }) as never,
    record: async ({ facts }) => recorded.push(facts),
    keepAudio: async (id, pieces) => {
      let text = ''
      for await (const piece of pieces) text += String(piece)
      return `artefact://${id}/${text}`
    },
    joinMs: 900_000,
    log: { warn: () => undefined },
    now: () => Date.parse(createdAt) + seconds * 1000,
  })
  return { provider, recorded, ingested, urls }
}

const asked = { sessionId, conversationId: 'conv_1', since: createdAt }
const start = Date.parse(createdAt) / 1000 + 30
const over = {
  status: 'done',
  conversation_id: 'conv_1',
  has_audio: true,
  transcript: [],
  metadata: { start_time_unix_secs: start, call_duration_secs: 60 },
}

describe('what ElevenLabs says of a conversation', () => {
  it.each([
    ['an address that may still be used', 904, undefined],
    ['one that is known and waits', 904, { status: 'initiated' }],
  ])('%s is live, and nothing is recorded', async (_what, seconds, answer) => {
    const { provider, recorded } = conversations({ seconds, answer })
    expect(await provider.read(asked, signal)).toEqual({ live: true, kinds: [] })
    expect(recorded).toEqual([])
  })

  it.each([
    ['nobody knows', undefined],
    ['waits for ever', { status: 'initiated' }],
  ])('one that %s once its address has expired was never begun', async (_what, answer) => {
    const { provider, recorded } = conversations({ seconds: 905, answer })
    const kinds = ['shutdown', 'transcript', 'recording']
    expect(await provider.read(asked, signal)).toEqual({ live: false, kinds })
    expect(recorded).toEqual([{ endedAt: '2026-11-21T10:15:00.000Z', neverBegan: true, foundByReconcile: true }])
  })

  it('one without a time of its creation is never given up', async () => {
    const { provider, recorded } = conversations({ seconds: 1e6 })
    expect(await provider.read({ ...asked, since: undefined }, signal)).toEqual({ live: true, kinds: [] })
    expect(recorded).toEqual([])
  })

  it.each(['in-progress', 'processing', 'something new'])('that it is %s is recorded once as begun', async (status) => {
    const { provider, recorded } = conversations({ seconds: 99, answer: { ...over, status } })
    for (let n = 0; n < 3; n++)
      expect(await provider.read(asked, signal)).toEqual({ live: true, kinds: ['participant_joined'] })
    expect(recorded).toEqual([{ joinedAt: '2026-11-21T10:00:30.000000Z' }])
  })

  it('that it is done is taken in as the webhook that it would have been', async () => {
    const { provider, recorded, ingested } = conversations({ answer: over })
    const kinds = ['participant_joined', 'shutdown', 'transcript']
    expect(await provider.read(asked, signal)).toEqual({ live: false, kinds })
    expect(ingested).toEqual([over])
    expect(recorded).toEqual([])
  })

  it('that it is done counts also when its webhook came to nothing', async () => {
    const { provider, recorded } = conversations({ answer: over, settled: 0 })
    await provider.read(asked, signal)
    expect(recorded).toEqual([
      expect.objectContaining({ joinedAt: '2026-11-21T10:00:30.000000Z', shutdownAt: '2026-11-21T10:01:30.000000Z' }),
    ])
  })

  it('brings the recording where it is missed', async () => {
    const { provider, ingested } = conversations({ answer: over })
    const { kinds } = await provider.read({ ...asked, recording: true }, signal)
    expect(kinds).toContain('recording')
    expect(ingested).toEqual([over, { full_audio: 'artefact://conv_1/ID3' }])
  })

  it('waits for no recording where there is none, and goes on waiting for one that cannot be fetched yet', async () => {
    const silent = conversations({ answer: { ...over, has_audio: false } })
    expect((await silent.provider.read({ ...asked, recording: true }, signal)).kinds).toContain('recording')
    expect(silent.ingested).toHaveLength(1)
    const late = conversations({ answer: over, audio: [] })
    expect((await late.provider.read({ ...asked, recording: true }, signal)).kinds).not.toContain('recording')
  })
})

describe('a start with an agent', () => {
  const track = { sessionId, provider: 'elevenlabs', mode: 'plain', prewarm: {}, startedAt: 0 } as never

  /** One attempt, with a row and a store as told. */
  async function attempt(
    tries: number,
    { rows, store }: { rows: () => Promise<unknown>; store?: (row: object) => Promise<unknown> },
  ) {
    const { provider, urls } = conversations()
    const quiet = new Proxy({}, { get: () => () => undefined })
    const activities = createSessionActivities({
      providers: { elevenlabs: provider },
      mentorRequest: async (_begun: object, request: object) => request,
      sessions: {
        findOwner: rows,
        track: store ?? (async () => ({ systemUserId: 'u1', dbTracking: 'success' })),
      },
      events: quiet,
      announceReady: () => undefined,
    } as unknown as SessionActivityDeps)
    const input = { request: {}, maxSeconds: 60, recording: false, startedBy: 'r', keyed: false, trackMs: 100, track }
    const run = new MockActivityEnvironment({ attempt: tries }).run(activities.createConversation, input)
    return { result: await run, urls }
  }
  const row = {
    sessionId,
    conversationId: 'conv_0',
    conversationUrl: 'wss://agents.test/0',
    createdAt: new Date(createdAt),
  }
  const none = async () => undefined

  it('asks for one signed URL', async () => {
    const { result, urls } = await attempt(1, { rows: none })
    expect(result).toMatchObject({ conversationId: 'conv_1', conversationUrl: 'wss://agents.test/1', status: 'active' })
    expect(urls).toEqual(['agent_1'])
  })

  it('answers what its row says that an earlier attempt handed out', async () => {
    const { result, urls } = await attempt(2, { rows: async () => row })
    expect(result).toMatchObject({ conversationId: 'conv_0', conversationUrl: 'wss://agents.test/0', createdAt })
    expect(urls).toEqual([])
  })

  it('hands nothing new out while nobody can say whether something was', async () => {
    const away = () => Promise.reject(new Error('the database is away'))
    await expect(attempt(2, { rows: away })).rejects.toMatchObject({
      type: 'database_unavailable',
      nonRetryable: false,
    })
  })

  it('that loses to another attempt answers what that one handed out', async () => {
    const { result } = await attempt(1, {
      rows: async () => row,
      store: async (written) =>
        (written as { conversationId: string }).conversationId === 'conv_0'
          ? { systemUserId: 'u1', dbTracking: 'success' }
          : await Promise.reject(new ConflictingSessionError('another conversation')),
    })
    expect(result).toMatchObject({ conversationId: 'conv_0', tracking: { dbTracking: 'success' } })
  })

  it('without an agent is refused by the names of both places for one', async () => {
    const provider = createElevenLabsConversations({ agentId: undefined, elevenlabs: {} } as never)
    const input = { sessionId, request: {}, maxSeconds: 60, recording: false }
    await expect(provider.create(input, signal)).rejects.toMatchObject({
      code: 'provider_not_configured',
      message: expect.stringMatching(/ELEVENLABS_AGENT_ID.*agent_id/),
    })
  })
})
