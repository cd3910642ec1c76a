import { expect, describe, it } from 'vitest'
import { createMentorRequest } from '../../activities/mentor-request.js'
import { composeContext } from '../../src/domain/mentor-context.js'
import type { ContextRead, UserContext, UserContexts } from '../../src/store/user-contexts.js'

const known: UserContext = { context: 'notes', persona: { personaId: 'p1', replicaId: null }, sources: 2 }
const defaults = composeContext({ categories: [], goals: [] })
const begun = {
  sessionId: 's1',
  mode: 'mentor' as const,
  owner: { userId: 'u1', tenantId: 't1', email: 'u1@acme.test' },
}

function mentorWith(of: UserContexts['of'], remembered?: UserContext) {
  const said: [string, object][] = []
  const note = (name: string) => (fields: object) => void said.push([name, fields])
  const mentorRequest = createMentorRequest({
    contexts: { of, remembered: () => remembered },
    events: { contextComposed: note('composed'), contextFailed: note('failed') },
  })
  return { mentorRequest, said }
}
const found = async (): Promise<ContextRead> => ({ ...known, cached: true })
const away = () => Promise.reject(new Error('the database is away'))

describe('the request of a session @unit', () => {
  it('that is no mentor’s stays as it is, and nobody is looked up', async () => {
    const request = { language: 'german' }
    const { mentorRequest, said } = mentorWith(away)
    expect(await mentorRequest({ ...begun, mode: 'plain' }, request, 50)).toBe(request)
    expect(said).toEqual([])
  })

  it('of a mentor is asked for as its owner, with the least rights there are', async () => {
    const actors: object[] = []
    const { mentorRequest, said } = mentorWith(async (actor) => (actors.push(actor), { ...known, cached: true }))
    expect(await mentorRequest(begun, { language: 'german' }, 50)).toEqual({
      language: 'german',
      persona_id: 'p1',
      replica_id: undefined,
      conversational_context: 'notes',
    })
    expect(actors).toEqual([{ tenantId: 't1', userId: 'u1', role: 'rep' }])
    expect(said).toEqual([
      ['composed', { sessionId: 's1', tenantId: 't1', cached: true, sources: 2, ms: expect.any(Number) }],
    ])
  })

  it('keeps what it names itself', async () => {
    const asked = { persona_id: 'p2', replica_id: 'r2', conversational_context: 'more' }
    expect(await mentorWith(found).mentorRequest(begun, asked, 50)).toEqual({
      ...asked,
      conversational_context: 'notes\n\nmore',
    })
  })

  it.each([
    ['away', away],
    ['silent', () => new Promise<never>(() => undefined)],
  ])('has what is remembered of the user while the database is %s, else the defaults', async (_how, of) => {
    const remembering = mentorWith(of, known)
    expect((await remembering.mentorRequest(begun, {}, 50)).conversational_context).toBe('notes')
    expect(remembering.said).toEqual([['failed', expect.objectContaining({ sessionId: 's1', remembered: true })]])
    const stranger = mentorWith(of)
    expect((await stranger.mentorRequest(begun, {}, 50)).conversational_context).toBe(defaults)
    expect(stranger.said).toEqual([['failed', expect.objectContaining({ remembered: false })]])
  })

  it('of nobody’s company has the defaults', async () => {
    const { mentorRequest } = mentorWith(away)
    expect((await mentorRequest({ ...begun, owner: { userId: 'u1' } }, {}, 50)).conversational_context).toBe(defaults)
  })
})
