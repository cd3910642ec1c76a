import { describe, expect, it } from 'vitest'
import { actorOf } from '../../src/domain/identity.js'

describe('actorOf', () => {
  it('is nobody without a token', () => expect(actorOf(undefined)).toBeUndefined())

  it('is nobody inside a company when the token names none', () => {
    expect(actorOf({ userId: 'u1', role: 'leadership' })).toBeUndefined()
    expect(actorOf({ userId: 'u1', tenantId: '', role: 'leadership' })).toBeUndefined()
  })

  it('has the least role when the token names none', () => {
    expect(actorOf({ userId: 'u1', tenantId: 't1' })).toEqual({ userId: 'u1', tenantId: 't1', role: 'rep' })
  })
})
