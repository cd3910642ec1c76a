import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Caller } from '../../src/domain/identity.js'
import {
  conversationName,
  durationSeconds,
  foldFacts,
  maySeeSession,
  outcomeOf,
  type SessionFacts,
  type SessionOwner,
  sessionIdOfName,
} from '../../src/domain/session.js'

const at = (seconds: number) => new Date(Date.UTC(2026, 2, 1, 10, 0, seconds)).toISOString()

const time = fc.oneof(
  fc.integer({ min: 0, max: 20 }).map(at),
  // The same instants in other words.
  fc.integer({ min: 0, max: 20 }).map((seconds) => at(seconds).replace('.000Z', 'Z')),
)
const facts: fc.Arbitrary<SessionFacts> = fc.record(
  {
    createdAt: time,
    joinedAt: time,
    shutdownAt: time,
    endedAt: time,
    endRequestedAt: time,
    shutdownReason: fc.constantFrom('other', 'max_call_duration', 'room_deleted', 'could_not_join'),
    endRequestedBy: fc.constantFrom('user', 'max_duration', 'abandoned', 'reconcile', 'error'),
    foundByReconcile: fc.constant(true),
    neverBegan: fc.constant(true),
  },
  { requiredKeys: [] },
)

describe('foldFacts', () => {
  it('does not depend on the order of two', () => {
    fc.assert(
      fc.property(facts, facts, (a, b) => {
        expect(foldFacts(a, b)).toEqual(foldFacts(b, a))
      }),
    )
  })

  it('does not depend on the grouping of three', () => {
    fc.assert(
      fc.property(facts, facts, facts, (a, b, c) => {
        expect(foldFacts(foldFacts(a, b), c)).toEqual(foldFacts(a, foldFacts(b, c)))
      }),
    )
  })

  it('changes nothing when told the same again', () => {
    fc.assert(
      fc.property(facts, facts, (a, b) => {
        const known = foldFacts(a, b)
        expect(foldFacts(known, a)).toEqual(known)
        expect(foldFacts(known, known)).toEqual(known)
      }),
    )
  })

  it('keeps the earlier of two times, whatever their notation', () => {
    const a = { joinedAt: '2026-03-01T10:00:05Z' }
    const b = { joinedAt: '2026-03-01T11:00:04+01:00' }
    expect(foldFacts(a, b)).toEqual(b)
  })

  it('keeps the more telling reason over "other"', () => {
    expect(foldFacts({ shutdownReason: 'other' }, { shutdownReason: 'room_deleted' }).shutdownReason).toBe(
      'room_deleted',
    )
  })

  it('keeps the requester that belongs to the first request', () => {
    const user: SessionFacts = { endRequestedAt: at(5), endRequestedBy: 'user' }
    const sweep: SessionFacts = { endRequestedAt: at(4), endRequestedBy: 'reconcile' }
    expect(foldFacts(user, sweep)).toEqual(sweep)
  })

  it('takes an unreadable time for none', () => {
    expect(foldFacts({ joinedAt: 'soon' }, { joinedAt: at(3), endedAt: '' })).toEqual({ joinedAt: at(3) })
  })
})

describe('outcomeOf', () => {
  const joined: SessionFacts = { createdAt: at(0), joinedAt: at(2) }
  const asked = (endRequestedBy: NonNullable<SessionFacts['endRequestedBy']>): SessionFacts => ({
    ...joined,
    endRequestedAt: at(30),
    endRequestedBy,
  })
  const shut = (shutdownReason: NonNullable<SessionFacts['shutdownReason']>): SessionFacts => ({
    ...joined,
    shutdownAt: at(32),
    shutdownReason,
  })

  it.each<[string, SessionFacts, ReturnType<typeof outcomeOf>['status'], string | undefined, number | undefined]>([
    ['nothing is known', {}, 'active', undefined, undefined],
    ['it goes on', joined, 'active', undefined, undefined],
    ['the user asked for the end', asked('user'), 'completed', 'user', 28],
    ['the time was up', asked('max_duration'), 'completed', 'max_duration', 28],
    ['its caller had hung up', asked('abandoned'), 'completed', 'participant_left', 28],
    ['the sweep ended it', asked('reconcile'), 'completed', 'reconcile', 28],
    ['an operator cancelled it', asked('error'), 'failed', 'error', 28],
    ['the provider named the maximum', shut('max_call_duration'), 'completed', 'max_duration', 30],
    ['the participant left', shut('participant_left_timeout'), 'completed', 'participant_left', 30],
    ['nobody came', shut('participant_absent_timeout'), 'completed', 'participant_left', 30],
    ['the avatar could not join', shut('could_not_join'), 'failed', 'error', 30],
    ['the avatar broke at its start', shut('startup_exception'), 'failed', 'error', 30],
    ['the provider broke', shut('internal_error'), 'failed', 'error', 30],
    ['somebody else ended it there', shut('end_conversation_endpoint_hit'), 'completed', 'provider', 30],
    ['the room was deleted', shut('room_deleted'), 'completed', 'provider', 30],
    ['the reason is a new one', shut('other'), 'completed', 'provider', 30],
    [
      'we asked and the provider confirmed',
      { ...asked('user'), shutdownAt: at(32), shutdownReason: 'end_conversation_endpoint_hit' },
      'completed',
      'user',
      30,
    ],
    [
      'we asked and the provider deleted the room',
      { ...asked('max_duration'), shutdownAt: at(32), shutdownReason: 'room_deleted' },
      'completed',
      'max_duration',
      30,
    ],
    [
      'we asked just after the maximum was reached',
      { ...asked('user'), shutdownAt: at(29), shutdownReason: 'max_call_duration' },
      'completed',
      'max_duration',
      27,
    ],
    [
      'an operator cancelled it and the provider ended it well',
      { ...asked('error'), shutdownAt: at(32), shutdownReason: 'end_conversation_endpoint_hit' },
      'completed',
      'error',
      30,
    ],
    [
      'the end was found by asking',
      { ...joined, endedAt: at(40), foundByReconcile: true },
      'completed',
      'reconcile',
      38,
    ],
    [
      'the end was found by asking and told later',
      { ...shut('participant_left_timeout'), endedAt: at(40), foundByReconcile: true },
      'completed',
      'participant_left',
      30,
    ],
    ['nobody joined', { createdAt: at(0), endedAt: at(10) }, 'completed', 'provider', 10],
    ['the clocks disagree', { joinedAt: at(10), endedAt: at(9) }, 'completed', 'provider', 0],
    ['only the end is known', { endedAt: at(9) }, 'completed', 'provider', undefined],
  ])('when %s', (_, known, status, endReason, seconds) => {
    expect(outcomeOf(known)).toMatchObject({ status, endReason, durationSeconds: seconds })
  })

  it("prefers the provider's time of the end to every other", () => {
    const known = { ...asked('user'), endedAt: at(31), shutdownAt: at(33) }
    expect(outcomeOf(known).endedAt).toBe(at(33))
    expect(outcomeOf({ ...asked('user'), endedAt: at(31) }).endedAt).toBe(at(31))
  })

  it('of a conversation that nobody began is no time, from whoever gave it up first', () => {
    const expired: SessionFacts = { createdAt: at(0), endedAt: at(15), neverBegan: true, foundByReconcile: true }
    const nobody = { status: 'completed', durationSeconds: 0, shutdownReason: 'participant_absent_timeout' }
    expect(outcomeOf(expired)).toMatchObject({ ...nobody, endedAt: at(15), endReason: 'participant_left' })
    const asked: SessionFacts = { endRequestedAt: at(2), endRequestedBy: 'user' }
    expect(outcomeOf(foldFacts(expired, asked))).toMatchObject({ ...nobody, endedAt: at(2), endReason: 'user' })
    const talked: SessionFacts = { joinedAt: at(14), shutdownAt: at(20), shutdownReason: 'other' }
    expect(outcomeOf(foldFacts(talked, expired))).toMatchObject({
      joinedAt: at(14),
      endedAt: at(20),
      durationSeconds: 6,
      endReason: 'provider',
      shutdownReason: 'other',
    })
  })

  it('is never over and without a reason, nor open and with one', () => {
    fc.assert(
      fc.property(facts, (known) => {
        const { status, endedAt, endReason } = outcomeOf(foldFacts(known, {}))
        expect(endReason === undefined).toBe(endedAt === undefined)
        expect(status === 'active').toBe(endedAt === undefined)
      }),
    )
  })
})

describe('durationSeconds', () => {
  it.each([
    [undefined, at(1), undefined],
    [at(1), undefined, undefined],
    [at(1), at(1), 0],
    ['2026-03-01T10:00:00.000Z', '2026-03-01T10:00:01.500Z', 2],
    ['2026-03-01T10:00:00.000Z', '2026-03-01T10:00:01.499Z', 1],
    [at(5), at(1), 0],
  ])('from %s to %s is %s', (from, to, seconds) => expect(durationSeconds(from, to)).toBe(seconds))
})

describe('maySeeSession', () => {
  const owner: SessionOwner = { userId: 'u1', tenantId: 'a' }
  const homeless: SessionOwner = { userId: 'u1' }
  it.each<[string, SessionOwner | undefined, Caller | undefined, boolean]>([
    ['anybody sees an anonymous session', undefined, undefined, true],
    ['a user sees an anonymous session', undefined, { userId: 'u2', tenantId: 'a', role: 'rep' }, true],
    ['nobody without a token sees an owned one', owner, undefined, false],
    ['its owner sees it', owner, { userId: 'u1', tenantId: 'a', role: 'rep' }, true],
    ['its owner sees it with a token without a company', owner, { userId: 'u1' }, true],
    ['the same user id in another company does not', owner, { userId: 'u1', tenantId: 'b', role: 'leadership' }, false],
    ["leadership of the owner's company sees it", owner, { userId: 'u2', tenantId: 'a', role: 'leadership' }, true],
    ['a csr of the company does not', owner, { userId: 'u2', tenantId: 'a', role: 'csr' }, false],
    ['another rep of the company does not', owner, { userId: 'u2', tenantId: 'a', role: 'rep' }, false],
    ['leadership of another company does not', owner, { userId: 'u2', tenantId: 'b', role: 'leadership' }, false],
    ['a user without a company sees the own one', homeless, { userId: 'u1' }, true],
    ['another user without a company does not', homeless, { userId: 'u2' }, false],
    [
      'no leadership sees that of a user without a company',
      homeless,
      { userId: 'u2', tenantId: 'a', role: 'leadership' },
      false,
    ],
    ['a role without a company is worth nothing', homeless, { userId: 'u2', role: 'leadership' }, false],
  ])('%s', (_, of, caller, may) => expect(maySeeSession(of, caller)).toBe(may))
})

describe('conversationName', () => {
  const sessionId = '0192a000-0000-7000-8000-000000000001'

  it('is read back whatever the title', () => {
    fc.assert(
      fc.property(fc.option(fc.string(), { nil: undefined }), (title) => {
        const name = conversationName('0a1b2c3d', sessionId, title)
        expect(sessionIdOfName('0a1b2c3d', name)).toBe(sessionId)
      }),
    )
  })

  it("does not take another installation's conversation for ours", () => {
    expect(sessionIdOfName('ffffffff', conversationName('0a1b2c3d', sessionId))).toBeUndefined()
  })

  it('does not take a title that looks like a mark for the mark', () => {
    const forged = `parley:0a1b2c3d:${'0'.repeat(8)}-0000-7000-8000-000000000000`
    expect(sessionIdOfName('0a1b2c3d', conversationName('0a1b2c3d', sessionId, forged))).toBe(sessionId)
  })

  it.each([[undefined], [null], [''], ['a talk'], ['parley:0a1b2c3d:short']])('finds none in %s', (name) => {
    expect(sessionIdOfName('0a1b2c3d', name)).toBeUndefined()
  })
})

describe('a time that nobody can believe', () => {
  it.each(['0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', 'yesterday'])('%s is no time', (odd) => {
    const facts = foldFacts(
      { createdAt: '2026-11-21T10:00:00Z', joinedAt: odd },
      { shutdownAt: '2026-11-21T10:01:00Z' },
    )
    expect(facts).toEqual({ createdAt: '2026-11-21T10:00:00Z', shutdownAt: '2026-11-21T10:01:00Z' })
    expect(outcomeOf(facts)).toMatchObject({ status: 'completed', durationSeconds: 60 })
  })
})

it('a token without a company, however that is spelt, is still its user’s', () => {
  const owner = { userId: 'u1', tenantId: 't1' }
  for (const tenantId of [undefined, '']) {
    expect(maySeeSession(owner, { userId: 'u1', tenantId, role: 'rep' } as never)).toBe(true)
    expect(maySeeSession(owner, { userId: 'u2', tenantId, role: 'leadership' } as never)).toBe(false)
  }
})
