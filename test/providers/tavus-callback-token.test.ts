import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callbackToken, callbackUrl, verifyCallbackToken } from '../../src/providers/tavus/callback-token.js'

const sessionId = '0199a3c2-6d1e-7000-8000-0000000000aa'
const secrets = ['second-secret', 'first-secret']

describe('the token of a callback address', () => {
  it('is the same for the same session and secret for ever', () => {
    // Addresses that were handed out must stay good: openssl dgst -sha256 -hmac second-secret
    expect(Buffer.from(callbackToken(sessionId, 'second-secret'), 'base64url').toString('hex')).toBe(
      createHmac('sha256', 'second-secret').update(`tavus:${sessionId}`).digest('hex'),
    )
    expect(callbackToken(sessionId, 'second-secret')).toMatch(/^[\w-]{43}$/)
  })

  it('verifies under any of the secrets, in base64url and in hex', () => {
    for (const secret of secrets) {
      const token = callbackToken(sessionId, secret)
      expect(verifyCallbackToken({ sessionId, token, secrets })).toBe(true)
      const hex = Buffer.from(token, 'base64url').toString('hex')
      expect(verifyCallbackToken({ sessionId, token: hex, secrets })).toBe(true)
    }
    expect(verifyCallbackToken({ sessionId, token: callbackToken(sessionId, 'retired'), secrets })).toBe(false)
    expect(verifyCallbackToken({ sessionId, token: callbackToken(sessionId, 'second-secret'), secrets: [] })).toBe(
      false,
    )
  })

  it('is wrong with any character changed, added or left out', () => {
    const token = callbackToken(sessionId, 'second-secret')
    const verify = (text: string) => verifyCallbackToken({ sessionId, token: text, secrets })
    for (let index = 0; index < token.length; index++)
      for (const other of 'AB_-=é')
        if (token[index] !== other) expect(verify(token.slice(0, index) + other + token.slice(index + 1))).toBe(false)
    for (const text of ['', token.slice(1), token.slice(0, -1), `${token}=`, `${token} `, token.toUpperCase()])
      expect(verify(text)).toBe(false)
  })

  it('never verifies for another session', () => {
    fc.assert(
      fc.property(fc.uuid(), (other) => {
        expect(
          verifyCallbackToken({ sessionId: other, token: callbackToken(sessionId, 'second-secret'), secrets }),
        ).toBe(other === sessionId)
      }),
    )
  })

  it('is added to an address that has a query already', () => {
    const url = new URL(callbackUrl({ base: 'https://api.example.org/hooks/tavus?tenant=a%20b', sessionId, secrets }))
    expect(url.pathname).toBe('/hooks/tavus')
    expect(Object.fromEntries(url.searchParams)).toEqual({
      tenant: 'a b',
      session: sessionId,
      token: callbackToken(sessionId, 'second-secret'),
    })
  })
})
