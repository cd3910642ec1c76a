import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { actors, aSession, borealis, createWorld, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld({ poolSize: 8 })))
afterAll(() => world.close())

const { borealisLead } = seedUsers

describe('findByConversation and findOwner', () => {
  it('say whose a tracked session is, across all companies', async () => {
    const owner = { userId: borealisLead.id, tenantId: borealis }
    const session = aSession({ owner })
    await world.sessions.track(session)
    const expected = { sessionId: session.sessionId, conversationId: session.conversationId, tracked: true, owner }
    expect(await world.sessions.findByConversation('tavus', session.conversationId)).toEqual(expected)
    expect(await world.sessions.findOwner(session.sessionId)).toEqual(expected)
  })

  it('say that an anonymous session is nobody’s', async () => {
    const session = aSession({ owner: undefined })
    await world.sessions.track(session)
    const expected = {
      sessionId: session.sessionId,
      conversationId: session.conversationId,
      tracked: false,
      owner: undefined,
    }
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
