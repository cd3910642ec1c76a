import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { limitsOf } from '../../src/dev/smoke/limit-headers.js'
import type { Result } from '../../src/dev/smoke/results.js'
import { smoke } from '../../src/dev/smoke/smoke.js'
import { acme, demoPassword } from '../store/world.js'
import { login } from '../support/client.js'
import { type Stack, startStack } from '../support/stack.js'

const key = 'a-key-of-sixteen-or-more'

async function run(args: string[], env: Record<string, string> = {}) {
  const out: string[] = []
  const err: string[] = []
  const status = await smoke(args, {
    env: { DEMO_PASSWORD: demoPassword, ...env },
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  })
  return { status, out: out.join('\n'), err: err.join('\n') }
}

async function checked(args: string[], env: Record<string, string> = {}) {
  const { status, out, err } = await run(['--json', ...args], env)
  const { checks, passed, failed, skipped } = JSON.parse(out) as {
    checks: Result[]
    passed: number
    failed: number
    skipped: number
  }
  const stateOf = (name: string) => checks.find((check) => check.name === name)
  return { status, err, checks, totals: { passed, failed, skipped }, stateOf }
}

/** Everything that is not as it should be; empty when every check passed. */
const notPassed = (checks: Result[]) => checks.filter(({ state }) => state !== 'passed')

describe('npm run smoke @integration', () => {
  let low: Stack
  let high: Stack
  beforeAll(async () => {
    low = await startStack({
      env: { RATE_LIMIT_USER: '5/minute', RATE_LIMIT_TENANT: '10/minute', DEV_EMIT_KEY: key },
    })
    // Nobody waits here for the minute of the run before.
    high = await startStack({ env: { DEV_EMIT_KEY: key } })
  })
  afterAll(async () => {
    await low.stop()
    await high.stop()
  })

  it('passes every check with 5 for a user and 10 for a company', { timeout: 180_000 }, async () => {
    const { status, err, checks } = await checked(['--base', low.url], { DEV_EMIT_KEY: key })
    expect(notPassed(checks)).toEqual([])
    expect(status).toBe(0)
    expect(err).toContain('logging in as the demo users')
    expect([...new Set(checks.map(({ subject }) => subject))]).toEqual([
      'operations',
      'errors',
      'CORS',
      'callers',
      'tenant',
      'realtime',
      'limits',
      'exempt',
    ])
    expect(checks.find(({ name }) => name === 'a user is refused beyond its limit')?.detail).toMatch(/^request 6 of 5 /)
  })

  it('fails by the row and the exit status when an origin is not allowed', { timeout: 180_000 }, async () => {
    const origin = 'https://elsewhere.example'
    const { status, checks, stateOf } = await checked(['--base', high.url, '--origin-ok', origin], {
      DEV_EMIT_KEY: key,
    })
    expect(status).toBe(1)
    expect(stateOf('an allowed origin may call')).toMatchObject({
      state: 'failed',
      detail: expect.stringContaining('GET /health answered 403 origin_not_allowed') as string,
    })
    const failed = checks.filter(({ state }) => state === 'failed')
    expect(failed.map(({ name }) => name)).toEqual(['an allowed origin may call', 'its preflight is answered'])
  })

  it('takes tokens, and skips what they cannot show, with the reason', { timeout: 180_000 }, async () => {
    const token = await login(high.url)
    const { status, checks, stateOf } = await checked(['--base', high.url], { TOKEN_A: token, TENANT_ID: acme })
    expect(checks.filter(({ state }) => state === 'failed')).toEqual([])
    expect(status).toBe(0)
    expect(stateOf('TOKEN_B is taken')).toMatchObject({ state: 'skipped', detail: 'no TOKEN_B was given' })
    expect(stateOf('A is of the expected company')).toMatchObject({ state: 'passed', detail: acme })
    expect(stateOf('B does not find it')).toMatchObject({
      state: 'skipped',
      detail: 'there is no caller of another company (TOKEN_B)',
    })
    expect(stateOf('an event arrives in less than a second')).toMatchObject({
      state: 'skipped',
      detail: 'no DEV_EMIT_KEY was given',
    })
    expect(stateOf('a user is refused beyond its limit')).toMatchObject({
      state: 'skipped',
      detail: '10000000 in 60 s is more than this sends',
    })
  })

  it('fails for a token, a company and a key that are not what they are said to be', { timeout: 180_000 }, async () => {
    const token = await login(high.url)
    const other = '0192a000-0000-7000-8000-000000000000'
    const given = { TOKEN_A: token, TOKEN_B: token, TENANT_ID: other, DEV_EMIT_KEY: `${key}-not` }
    const { status, stateOf } = await checked(['--base', high.url], given)
    expect(status).toBe(1)
    expect(stateOf('B is of another company than A')?.detail).toBe(`both are of ${acme}`)
    expect(stateOf('A is of the expected company')?.detail).toBe(`A is of ${acme}, not of ${other}`)
    expect(stateOf('an event arrives in less than a second')?.detail).toContain('is its DEV_EMIT_KEY another one')
    const wrong = await checked(['--base', high.url], { TOKEN_A: 'wrong' })
    expect(wrong.status).toBe(1)
    expect(wrong.stateOf('TOKEN_A is taken')).toMatchObject({
      state: 'failed',
      detail: expect.stringContaining('GET /auth/me answered 401 token_invalid') as string,
    })
  })
})

describe('npm run smoke @unit', () => {
  it('fails against something else, in a table that says what came', { timeout: 60_000 }, async () => {
    const server: Server = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { status, out } = await run(['--base', base])
    server.close()
    expect(status).toBe(1)
    expect(out).toMatch(/│ operations +│ \/health lives +│ FAILED +│ GET \/health answered 200 /)
    expect(out).toMatch(/\n\d+ passed, [1-9]\d* failed, \d+ skipped$/)
  })

  it('fails where nothing answers', { timeout: 60_000 }, async () => {
    const { status, out, err } = await run(['--base', 'http://127.0.0.1:1'])
    expect(status).toBe(1)
    expect(err).toContain('nothing answers at http://127.0.0.1:1')
    expect(out).toContain('GET /health got no answer')
  })

  it.each([
    [['--base', 'ftp://x'], '--base: "ftp://x" is no http or https URL'],
    [['--base', 'nonsense'], '--base: "nonsense" is no http or https URL'],
    [['--origin-ok', 'nonsense'], '--origin-ok: "nonsense" is no origin'],
    [['--nonsense'], "unknown option '--nonsense'"],
    [['more'], 'too many arguments'],
  ])('refuses %j', async (args, message) => {
    const { status, out, err } = await run(args)
    expect([status, out]).toEqual([2, ''])
    expect(err).toContain(message)
  })

  it('says how it is used', async () => {
    const { status, out } = await run(['--help'])
    expect(status).toBe(0)
    for (const name of ['BASE', 'ORIGIN_OK', 'ORIGIN_BAD', 'TOKEN_A', 'TOKEN_B', 'TENANT_ID', 'DEV_EMIT_KEY'])
      expect(out).toContain(name)
  })

  it('reads what the RateLimit headers tell', () => {
    const headers = new Headers({
      'ratelimit-policy': '"user";q=5;w=60, "tenant";q=10;w=60',
      ratelimit: '"user";r=4;t=59, "tenant";r=9;t=58',
    })
    expect(limitsOf({ headers })).toEqual({
      user: { quota: 5, windowSeconds: 60, remaining: 4, resetSeconds: 59 },
      tenant: { quota: 10, windowSeconds: 60, remaining: 9, resetSeconds: 58 },
    })
    expect(limitsOf({ headers: new Headers({ ratelimit: 'nonsense' }) })).toEqual({})
  })
})
