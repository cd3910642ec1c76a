import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, eventually, login, truthOf } from '../support/client.js'
import { type Stack, startStack } from '../support/stack.js'

let stack: Stack
const secret = 'a secret of the test, longer than 32 bytes'
const tokens: Record<string, string | undefined> = {}

const sign = (key: string, claims: Record<string, unknown>, expiresIn: string) =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('u-1')
    .setIssuedAt()
    .setExpirationTime(expiresIn)
    .sign(new TextEncoder().encode(key))

beforeAll(async () => {
  stack = await startStack({
    env: {
      JWT_SECRET: secret,
      ANONYMOUS_MAX_ACTIVE: '100',
      RATE_LIMIT_ANONYMOUS: '100000/minute',
      LOGIN_RATE_LIMIT: '1000/minute',
    },
  })
  tokens.valid = await login(stack.url, 'rep@acme.test')
  const [user] = await stack.rows<{ id: string; company_id: string }>(
    `select id, company_id from users where user_email = 'rep@acme.test'`,
  )
  const claims = { email: 'rep@acme.test', company_id: user!.company_id, role: 'rep' }
  tokens.none = undefined
  tokens.expired = await sign(secret, { ...claims, sub: user!.id }, '-1m')
  tokens.forged = await sign('another secret, just as long as the first', { ...claims, sub: user!.id }, '1h')
  tokens.garbage = 'not.a.token'
})
afterAll(() => stack?.stop())

const rowsOf = (id: string) => stack.rows('select * from conversations_users where external_conversation_id = $1', [id])
const start = (token: string | undefined) => call(`${stack.url}/tavus/start`, { token, body: {} })
const end = (id: string, token: string | undefined) => call(`${stack.url}/tavus/end/${id}`, { token })

describe.each(['none', 'expired', 'forged', 'garbage'])('with a token that is %s', (kind) => {
  it('a start works and is not tracked, and its end works for who holds the id', async () => {
    const started = await start(tokens[kind])
    expect(started.status).toBe(200)
    expect(started.body.debug).toMatchObject({
      jwt_user_id: null,
      jwt_email: null,
      system_user_id: null,
      db_tracking: 'skipped: unauthenticated or missing data',
    })
    const id = started.body.conversation_id
    expect(await rowsOf(id)).toEqual([])
    const ended = await end(id, tokens[kind])
    expect(ended.status).toBe(200)
    expect(ended.body).toMatchObject({
      conversation_id: id,
      status: 'completed',
      end_reason: 'user',
      db_tracking: 'skipped: unauthenticated or missing data',
    })
    expect((await truthOf(stack.simulator.url, id)).status).toBe('ended')
  })

  it('another’s tracked conversation cannot be ended', async () => {
    const started = await start(tokens.valid)
    const id = started.body.conversation_id
    const answer = await end(id, tokens[kind])
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect((await truthOf(stack.simulator.url, id)).status).toBe('active')
    await end(id, tokens.valid)
  })

  it('the JWT routes are refused', async () => {
    for (const [method, path] of [
      ['GET', '/sessions'],
      ['POST', '/sessions'],
      ['GET', '/auth/me'],
    ] as const) {
      const answer = await call(`${stack.url}${path}`, {
        method,
        token: tokens[kind],
        ...(method === 'POST' ? { body: { provider: 'tavus' } } : {}),
      })
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
    }
  })
})

describe('with a valid token', () => {
  it('a start is tracked under its user, and a reason is logged for a token that is not', async () => {
    const started = await start(tokens.valid)
    expect(started.body.debug.db_tracking).toBe('success')
    expect(await rowsOf(started.body.conversation_id)).toHaveLength(1)
    await end(started.body.conversation_id, tokens.valid)
    await eventually(
      async () => stack.logLines.join('\n'),
      (log) => log.includes('jwt:invalid_token') && log.includes('jwt:valid'),
    )
  })

  it.each([
    ['rep2@acme.test', 404],
    ['csr@acme.test', 404],
    ['lead@borealis.test', 404],
    ['lead@acme.test', 200],
  ])('%s ending the rep’s conversation is answered %i', async (email, status) => {
    const { conversation_id: id, session_id: sessionId } = (await start(tokens.valid)).body
    const other = await login(stack.url, email)
    expect((await call(`${stack.url}/sessions/${sessionId}`, { method: 'GET', token: other })).status).toBe(status)
    expect((await call(`${stack.url}/sessions/${sessionId}/end`, { token: other })).status).toBe(status)
    expect((await end(id, other)).status).toBe(status)
    expect((await truthOf(stack.simulator.url, id)).status).toBe(status === 200 ? 'ended' : 'active')
    await end(id, tokens.valid)
  })

  it('somebody else’s conversation and one that nobody knows are answered alike', async () => {
    const { conversation_id: id, session_id: sessionId } = (await start(tokens.valid)).body
    const other = await login(stack.url, 'rep2@acme.test')
    const paths: [string, string, string, string | undefined][] = [
      ['POST', '/tavus/end/', id, undefined],
      ['POST', '/tavus/end/', id, other],
      ['POST', '/sessions/ID/end', sessionId, other],
      ['GET', '/sessions/ID', sessionId, other],
      ['GET', '/sessions/ID/transcript', sessionId, other],
      ['GET', '/sessions/ID/recording', sessionId, other],
      ['GET', '/sessions/ID/timeline', sessionId, other],
    ]
    for (const [method, path, known, token] of paths) {
      const answerFor = async (one: string) => {
        const url = path.includes('ID') ? path.replace('ID', one) : path + one
        const { status, body } = await call(`${stack.url}${url}`, { method, token })
        return { status, body: { ...body, instance: '', trace_id: '' } }
      }
      const unknown = path.startsWith('/tavus') ? 'c00000000000' : '0199a3c2-6d1e-7000-8000-0000000000ff'
      const foreign = await answerFor(known)
      expect(foreign.status).toBe(404)
      expect(foreign).toEqual(await answerFor(unknown))
    }
    await end(id, tokens.valid)
  })

  it('a user without a company starts an untracked session that only they can end', async () => {
    const lonely = await sign(secret, { email: 'nobody@nowhere.test', sub: 'outsider' }, '1h')
    const started = await start(lonely)
    expect(started.body.debug).toMatchObject({
      jwt_email: 'nobody@nowhere.test',
      db_tracking: 'skipped: unauthenticated or missing data',
    })
    const id = started.body.conversation_id
    expect((await end(id, undefined)).status).toBe(404)
    expect((await end(id, tokens.valid)).status).toBe(404)
    expect((await end(id, lonely)).status).toBe(200)
  })
})

describe('a start by GET', () => {
  it.each([
    ['a HEAD', 'HEAD', {}],
    ['a prefetch', 'GET', { 'sec-purpose': 'prefetch;prerender' }],
    ['an older prefetch', 'GET', { purpose: 'prefetch' }],
  ])('that is %s starts nothing', async (_what, method, headers) => {
    const before = (await call(`${stack.simulator.url}/__sim/conversations?summary=true`, { method: 'GET' })).body
      .counts.created
    const answer = await call(`${stack.url}/tavus/start`, { method, headers: headers })
    expect(answer.status).toBe(204)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const after = (await call(`${stack.simulator.url}/__sim/conversations?summary=true`, { method: 'GET' })).body.counts
      .created
    expect(after).toBe(before)
  })

  it('answers like the POST', async () => {
    const answer = await call(`${stack.url}/tavus/start`, { method: 'GET', token: tokens.valid })
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ conversation_id: expect.any(String), debug: { db_tracking: 'success' } })
    await end(answer.body.conversation_id, tokens.valid)
  })
})

describe('a body that is wrong', () => {
  it.each([
    ['not JSON', { raw: '{"persona_id":' }, 400, []],
    ['a number for a name', { body: { conversation_name: 7 } }, 422, ['/conversation_name']],
    ['an unknown field', { body: { persona: 'p1' } }, 422, ['/persona']],
    ['a duration of nothing', { body: { max_duration_seconds: 0 } }, 422, ['/max_duration_seconds']],
    ['two wrong fields', { body: { persona_id: '', language: 9 } }, 422, ['/persona_id', '/language']],
    [
      'an Idempotency-Key with blanks',
      { body: {}, headers: { 'idempotency-key': 'a b' } },
      422,
      ['headers/idempotency-key'],
    ],
    ['an array', { body: [] }, 422, ['']],
  ])('%s is refused by name and starts nothing', async (_what, sent, status, pointers) => {
    const before = (await call(`${stack.simulator.url}/__sim/conversations?summary=true`, { method: 'GET' })).body
      .counts.created
    const answer = await call(`${stack.url}/tavus/start`, { token: tokens.valid, ...sent })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect((answer.body.errors ?? []).map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual(
      [...pointers].sort(),
    )
    expect(
      (await call(`${stack.simulator.url}/__sim/conversations?summary=true`, { method: 'GET' })).body.counts.created,
    ).toBe(before)
  })
})

describe('POST /sessions', () => {
  it('answers 201 with its place, lists it, and shows it to its owner', async () => {
    const started = await call(`${stack.url}/sessions`, {
      token: tokens.valid,
      body: { provider: 'tavus', metadata: { campaign: 'autumn' } },
    })
    expect(started.status).toBe(201)
    expect(started.headers.get('location')).toBe(`/sessions/${started.body.session_id}`)
    const one = await call(`${stack.url}/sessions/${started.body.session_id}`, { method: 'GET', token: tokens.valid })
    expect(one.body).toMatchObject({
      session_id: started.body.session_id,
      provider: 'tavus',
      mode: 'plain',
      status: 'active',
      metadata: { campaign: 'autumn' },
    })
    const list = await call(`${stack.url}/sessions?limit=1`, { method: 'GET', token: tokens.valid })
    expect(list.body.items[0].session_id).toBe(started.body.session_id)
    expect(list.body.next_cursor).toEqual(expect.any(String))
    expect(
      (
        await call(`${stack.url}/sessions/${started.body.session_id}/transcript`, {
          method: 'GET',
          token: tokens.valid,
        })
      ).status,
    ).toBe(404)
    expect(
      (await call(`${stack.url}/sessions/${started.body.session_id}/recording`, { method: 'GET', token: tokens.valid }))
        .status,
    ).toBe(404)
    await call(`${stack.url}/sessions/${started.body.session_id}/end`, { token: tokens.valid })
    const timeline = await eventually(
      () => call(`${stack.url}/sessions/${started.body.session_id}/timeline`, { method: 'GET', token: tokens.valid }),
      ({ body }) => body.items.some(({ event }: { event: string }) => event === 'session.ended'),
    )
    expect(
      timeline.body.items.every(
        ({ trace_id: trace, ts }: Record<string, unknown>) => typeof ts === 'string' && trace !== undefined,
      ),
    ).toBe(true)
  })

  it('with Prefer: respond-async answers 202, and the session comes to be', async () => {
    const accepted = await call(`${stack.url}/sessions`, {
      token: tokens.valid,
      body: { provider: 'tavus' },
      headers: { prefer: 'respond-async' },
    })
    expect(accepted.status).toBe(202)
    const session = await eventually(
      () => call(`${stack.url}${accepted.headers.get('location')}`, { method: 'GET', token: tokens.valid }),
      ({ status, body }) => status === 200 && body.status === 'active',
    )
    expect(session.body.conversation_url).toContain('/room/')
    await call(`${stack.url}/sessions/${accepted.body.session_id}/end`, { token: tokens.valid })
  })

  it.each([
    [{}, '/provider', 'is required'],
    [{ provider: 'zoom' }, '/provider', 'must be one of "tavus", "elevenlabs"'],
    [{ provider: 'tavus', mode: 'turbo' }, '/mode', 'must be one of "plain", "mentor"'],
  ])('%j is refused by name', async (body, pointer, detail) => {
    const answer = await call(`${stack.url}/sessions`, { token: tokens.valid, body })
    expect(answer.status).toBe(422)
    expect(answer.body.errors).toEqual([{ pointer, detail }])
    expect(answer.body.detail).toBe(`${pointer}: ${detail}`)
  })

  it.each([
    ['/sessions?limit=0', 'query/limit'],
    ['/sessions?cursor=nonsense', 'query/cursor'],
    ['/sessions?status=sleeping', 'query/status'],
    ['/sessions?from=yesterday', 'query/from'],
    ['/sessions/not-an-id', 'params/session_id'],
  ])('GET %s is refused by name', async (path, pointer) => {
    const answer = await call(`${stack.url}${path}`, { method: 'GET', token: tokens.valid })
    expect(answer.status).toBe(422)
    expect(answer.body.errors[0].pointer).toBe(pointer)
  })
})
