import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { SessionFacts } from '../../src/domain/session.js'
import type { TrackInput } from '../../src/store/session-tracking.js'
import { actors, aSession, borealis, createWorld, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld({ poolSize: 8 })))
afterAll(() => world.close())

const { borealisLead } = seedUsers

const conversationOf = ({ sessionId, provider, conversationId, conversationUrl, createdAt }: TrackInput) => ({
  sessionId,
  provider,
  conversationId,
  conversationUrl,
  createdAt: new Date(createdAt),
})

describe('findByConversation and findOwner', () => {
  it.each([
    ['tracked', undefined],
    ['anonymous', { owner: undefined }],
  ])('tell the provider and the address of a %s session, and find it at that provider alone', async (_who, more) => {
    const conversationUrl = 'wss://agents.test/v1/convai/conversation?conversation_signature=s'
    const session = aSession({ provider: 'elevenlabs', conversationUrl, ...more })
    await world.sessions.track(session)
    const found = await world.sessions.findByConversation('elevenlabs', session.conversationId)
    expect(found).toMatchObject({ ...conversationOf(session), conversationUrl, provider: 'elevenlabs' })
    expect(await world.sessions.findByConversation('tavus', session.conversationId)).toBeUndefined()
    const listed = await world.sessions.listOpenOlderThan(60)
    expect(listed.find(({ sessionId }) => sessionId === session.sessionId)).toEqual({
      sessionId: session.sessionId,
      provider: 'elevenlabs',
      conversationId: session.conversationId,
      createdAt: new Date(session.createdAt),
    })
  })

  it('say whose a tracked session is, across all companies', async () => {
    const owner = { userId: borealisLead.id, tenantId: borealis }
    const session = aSession({ owner })
    await world.sessions.track(session)
    const expected = { ...conversationOf(session), tracked: true, owner }
    expect(await world.sessions.findByConversation('tavus', session.conversationId)).toEqual(expected)
    expect(await world.sessions.findOwner(session.sessionId)).toEqual(expected)
  })

  it('say that an anonymous session is nobody’s', async () => {
    const session = aSession({ owner: undefined })
    await world.sessions.track(session)
    const expected = { ...conversationOf(session), tracked: false, owner: undefined }
    expect(await world.sessions.findByConversation('tavus', session.conversationId)).toEqual(expected)
    expect(await world.sessions.findOwner(session.sessionId)).toEqual(expected)
  })

  it('say whose a session without a company is', async () => {
    const session = aSession({ owner: { userId: 'auth0|9' } })
    await world.sessions.track(session)
    expect((await world.sessions.findOwner(session.sessionId))?.owner).toEqual({ userId: 'auth0|9' })
  })

  it.each([['nothing'], ['\0'], ["' or true --"]])('find nothing under %j', async (id) => {
    expect(await world.sessions.findByConversation('tavus', id)).toBeUndefined()
    expect(await world.sessions.findOwner(id)).toBeUndefined()
    expect(await world.sessions.outcomeFor(id)).toBeUndefined()
    expect(await world.sessions.find(actors.acmeLead, id)).toBeUndefined()
  })
})

describe('the open sessions', () => {
  it('are counted and listed until they end, those without a conversation apart', async () => {
    const before = await world.sessions.countOpen()
    const open = [aSession(), aSession({ owner: undefined })]
    for (const session of open) await world.sessions.track(session)
    await world.sessions.reserveAnonymous(randomUUID(), 1000)
    expect(await world.sessions.countOpen()).toBe(before + 3)
    const listed = (await world.sessions.listOpenOlderThan(60)).map(({ sessionId }) => sessionId)
    for (const { sessionId } of open) expect(listed).toContain(sessionId)
    expect(await world.sessions.listOpenOlderThan(100 * 365 * 86_400)).toEqual([])
    for (const { sessionId } of open)
      await world.sessions.recordFacts({ sessionId, facts: { endedAt: '2026-03-01T10:10:00Z' } })
    expect(await world.sessions.countOpen()).toBe(before + 1)
  })
})

describe('a conversation that nobody began', () => {
  it('says so in its outcome and in its row, until the provider tells of a beginning', async () => {
    const session = aSession({ provider: 'elevenlabs' })
    const { sessionId } = session
    await world.sessions.track(session)
    const record = (facts: SessionFacts) => world.sessions.recordFacts({ sessionId, facts })
    await record({ neverBegan: true, endedAt: '2026-03-01T10:15:00.000Z', foundByReconcile: true })
    const nobody = { shutdownReason: 'participant_absent_timeout', durationSeconds: 0, endReason: 'participant_left' }
    expect(await world.sessions.outcomeFor(sessionId)).toMatchObject({ ...nobody, endedAt: '2026-03-01T10:15:00.000Z' })
    expect(await world.sessions.find(actors.acmeRep, sessionId)).toMatchObject(nobody)
    await record({ joinedAt: '2026-03-01T10:14:00Z', shutdownAt: '2026-03-01T10:20:00Z', shutdownReason: 'other' })
    const talked = { shutdownReason: 'other', durationSeconds: 360, endReason: 'provider' }
    expect(await world.sessions.outcomeFor(sessionId)).toMatchObject(talked)
    expect(await world.sessions.find(actors.acmeRep, sessionId)).toMatchObject(talked)
  })
})
