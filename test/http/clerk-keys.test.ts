import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { createClerkKeys } from '../../src/http/identity/clerk-keys.js'
import { createSigningKey, type Issuer, startIssuer } from '../support/jwks.js'

let issuer: Issuer
let clock: number
let keys: ReturnType<typeof createClerkKeys>

beforeEach(async () => {
  await issuer?.stop()
  issuer = await startIssuer()
  clock = 1_000_000
  keys = createClerkKeys({ jwksUrl: `${issuer.issuer}/jwks`, cooldownMs: 5000, now: () => clock })
})
afterAll(() => issuer.stop())

const named = (kid: unknown) =>
  keys({ alg: 'RS256', kid }).then(
    () => 'found',
    (error: Error) => error.name,
  )

describe('keys of the issuer @integration', () => {
  it('are found by their name', async () => {
    expect(await keys({ alg: 'RS256', kid: 'ins_first' })).toBe(issuer.keys[0]?.publicPem)
  })

  it('are fetched anew for a name that is not known, and the rotated one is found', async () => {
    expect(await named('ins_first')).toBe('found')
    issuer.keys.push(await createSigningKey('ins_second'))
    clock += 5000
    expect(await named('ins_second')).toBe('found')
    expect(issuer.seen.length).toBe(2)
  })

  it('are fetched at most once in the cooldown, however many names are made up', async () => {
    expect(await named('ins_first')).toBe('found')
    for (let i = 0; i < 50; i++) expect(await named(`made-up-${i}`)).toBe('SigningKeyNotFoundError')
    expect(issuer.seen.length).toBe(1)
    clock += 5000
    await Promise.all(Array.from({ length: 50 }, (_, i) => named(`more-${i}`)))
    expect(issuer.seen.length).toBe(2)
    expect(await named('ins_first')).toBe('found')
  })

  it('that could not be fetched are not asked for again before the cooldown is over, and then they are', async () => {
    issuer.answer({ status: 502, body: '' })
    for (let i = 0; i < 5; i++) expect(await named('ins_first')).toBe('UnavailableError')
    expect(issuer.seen.length).toBe(1)
    issuer.answer('keys')
    clock += 5000
    expect(await named('ins_first')).toBe('found')
  })

  it('go on while the issuer is away, for as long as they count', async () => {
    expect(await named('ins_first')).toBe('found')
    issuer.answer({ status: 502, body: '' })
    clock += 60_000
    expect(await named('ins_first')).toBe('found')
    expect(await named('ins_other')).toBe('UnavailableError')
  })

  it('that were taken back no longer count once their time is over', async () => {
    keys = createClerkKeys({ jwksUrl: `${issuer.issuer}/jwks`, cooldownMs: 0, maxAgeMs: 1 })
    expect(await named('ins_first')).toBe('found')
    issuer.keys.splice(0, 1, await createSigningKey('ins_second'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await named('ins_first')).toBe('SigningKeyNotFoundError')
  })

  it.each([undefined, null, 5, '', ['ins_first'], { toString: 'ins_first' }, '../x', 'a b', 'x'.repeat(300), '%2e%2e'])(
    'named %j are not even looked for',
    async (kid) => {
      expect(await named(kid)).toBe('Error')
      expect(issuer.seen).toEqual([])
    },
  )

  it('are given for RS256 only', async () => {
    for (const alg of ['none', 'HS256', 'ES256', 'RS512', undefined])
      await expect(keys({ alg, kid: 'ins_first' })).rejects.toThrow('names no key')
  })
})
