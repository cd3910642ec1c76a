import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedCompanies } from '../../src/dev/seed.js'
import { call, eventually, login } from '../support/client.js'
import { type Stack, startStack } from '../support/stack.js'
import { everything, headers, planted, query, tracesOfPlanted, webhooks } from './planted.js'

const acme = seedCompanies.acme.id
const unlimited = '1000000/minute'
/** Without a secret and with DEV_ACCEPT_UNSIGNED a provider's webhooks need no signature. */
const unsigned = [
  'ELEVENLABS_WEBHOOK_SECRET',
  'LIVEKIT_API_KEY',
  'LIVEKIT_WEBHOOK_SECRET',
  'TWILIO_AUTH_TOKEN',
  'CALLRAIL_WEBHOOK_SECRET',
  'CLERK_WEBHOOK_SECRET',
  'BLAND_WEBHOOK_SECRET',
  'UWC_HMAC_SECRET',
]

let stack: Stack
let token: string
let session: { session_id: string; conversation_id: string }

beforeAll(async () => {
  stack = await startStack({
    env: {
      LOG_LEVEL: 'trace',
      RATE_LIMIT_ANONYMOUS: unlimited,
      RATE_LIMIT_USER: unlimited,
      RATE_LIMIT_TENANT: unlimited,
      LOGIN_RATE_LIMIT: unlimited,
      DEV_ACCEPT_UNSIGNED: 'true',
      TAVUS_CALLBACK_ALLOW_UNSIGNED: 'true',
      ...Object.fromEntries(unsigned.map((name) => [name, ''])),
    },
  })
  for (const [provider, account] of [
    ['twilio', 'ACplanted'],
    ['callrail', 'COMplanted'],
  ])
    await stack.rows('insert into integrations (tenant_id, provider, account) values ($1, $2, $3)', [
      acme,
      provider,
      account,
    ])
  token = await login(stack.url)
  const started = await call(`${stack.url}/sessions`, { token, body: { provider: 'tavus' } })
  session = started.body as typeof session
}, 180_000)
afterAll(() => stack?.stop())

const linesWithPlanted = () => stack.logLines.filter((line) => tracesOfPlanted.test(line))

interface Operation {
  path: string
  method: string
}

async function operations(): Promise<Operation[]> {
  const { body } = await call(`${stack.url}/openapi.json`, { method: 'GET' })
  return Object.entries((body as { paths: Record<string, object> }).paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => ['get', 'post', 'put', 'patch', 'delete'].includes(method))
      .map((method) => ({ path, method: method.toUpperCase() })),
  )
}

/** Parameters of the path become what is given. A stream is left after a while. */
async function visit({ path, method }: Operation, value: string, as: string | undefined, body: object) {
  const url = `${stack.url}${path.replace(/\{\w+\}/g, encodeURIComponent(value))}?${query}`
  const sends = method === 'GET' ? {} : { body }
  // A token and a key at once would be refused before anything is looked at.
  const visited = call(url, {
    method,
    token: as,
    headers: as === undefined ? headers : keyless,
    ...sends,
    signal: AbortSignal.timeout(8000),
  })
  return (await visited.catch(() => undefined))?.status
}

const { 'x-api-key': _key, ...keyless } = headers

describe('the log at its most talkative @integration', () => {
  it('has nobody’s name, email, phone or token from any route, whatever is sent to it', async () => {
    const all = await operations()
    expect(all.length).toBeGreaterThan(30)
    for (const operation of all)
      for (const as of [token, planted.token, undefined])
        for (const value of [planted.email, planted.name, randomUUID()]) await visit(operation, value, as, everything)
    // Beside the routes: paths that nobody serves, methods that a path has not, what is no JSON.
    await visit({ path: `/nowhere/${planted.name}/${planted.email}`, method: 'GET' }, '', undefined, {})
    await visit({ path: '/auth/login', method: 'DELETE' }, '', undefined, everything)
    await call(`${stack.url}/auth/login`, { raw: `{"email": ${planted.name}` })
    await call(`${stack.url}/auth/refresh`, { body: { refresh_token: planted.token } })
    await call(`${stack.url}/auth/login`, { body: { email: planted.email, password: planted.password } })

    expect(linesWithPlanted().slice(0, 3)).toEqual([])
    const patterns = new Set(
      stack.logLines.flatMap((line) => /"route":"([^"]+)","method":"([A-Z]+)"/.exec(line)?.slice(1, 3).join(' ') ?? []),
    )
    const wanted = all.map(({ path, method }) => `${path.replace(/\{(\w+)\}/g, ':$1')} ${method}`)
    expect(wanted.filter((pattern) => !patterns.has(pattern))).toEqual([])
  }, 300_000)

  it('has none from what routes take: sessions, calls, integrations', async () => {
    const { email, name, phone } = planted
    const metadata = { customer: name, email, phone }
    const answers = [
      await call(`${stack.url}/sessions`, {
        token,
        headers: { ...keyless, 'idempotency-key': randomUUID() },
        body: { provider: 'tavus', metadata },
      }),
      await call(`${stack.url}/calls`, {
        token,
        body: {
          provider: 'manual',
          external_id: `call-${randomUUID()}`,
          direction: 'inbound',
          from: phone,
          to: phone,
          metadata,
        },
      }),
      await call(`${stack.url}/integrations`, { token, body: { provider: 'twilio', account: phone } }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201])
    expect(linesWithPlanted().slice(0, 3)).toEqual([])
  })

  it('has none from the webhooks of any provider', async () => {
    const { body } = await call(`${stack.url}/openapi.json`, { method: 'GET' })
    const known = webhooks(1, { companyId: acme, conversationId: session.conversation_id })
    const aliases = ['/webhooks/tavus', '/webhooks/livekit']
    const documented = Object.entries((body as { paths: Record<string, object> }).paths)
      .filter(([path, methods]) => /^\/webhooks\/(?!deliveries)/.test(path) && 'post' in methods)
      .map(([path]) => path)
    expect(documented.filter((path) => !aliases.includes(path) && !(path in known))).toEqual([])
    expect(documented.length).toBeGreaterThan(10)
    for (const [path, { type, text }] of Object.entries(known)) {
      const answer = await call(`${stack.url}${path}`, {
        raw: text,
        headers: { ...headers, 'content-type': type },
      })
      expect([path, answer.status]).toEqual([path, expect.toSatisfy((status: number) => status < 300)])
    }
    // The events did happen, and stand in the tables.
    const { 0: stored } = await stack.rows<{ n: string }>('select count(*) as n from messages where body ~ $1', [
      'Zebulon',
    ])
    expect(Number(stored?.n)).toBeGreaterThan(0)
    expect(linesWithPlanted().slice(0, 3)).toEqual([])
  }, 60_000)

  it('has none from errors of PostgreSQL that quote the row', async () => {
    await stack.rows(`create function quoting() returns trigger language plpgsql as
      'begin perform (to_jsonb(new)::text)::uuid; return new; end'`)
    await stack.rows(`create function telling() returns trigger language plpgsql as
      'begin raise exception ''Key (user_email)=(%) already exists'', to_jsonb(new)::text
         using detail = to_jsonb(new)::text, hint = to_jsonb(new)::text; end'`)
    await stack.rows('create trigger telling before insert on integrations for each row execute function telling()')
    await stack.rows('create trigger quoting before insert on messages for each row execute function quoting()')
    await stack.rows('create trigger quoting before insert on call_logs for each row execute function quoting()')
    const before = stack.logLines.length
    const bodies = webhooks(2, { companyId: acme, conversationId: session.conversation_id })
    for (const [path, { type, text }] of Object.entries(bodies))
      await call(`${stack.url}${path}`, { raw: text, headers: { 'content-type': type } })
    const made = await call(`${stack.url}/calls`, {
      token,
      body: {
        provider: 'manual',
        external_id: `call-${randomUUID()}`,
        direction: 'inbound',
        from: planted.phone,
        to: planted.email,
        metadata: { customer: planted.name },
      },
    })
    const told = await call(`${stack.url}/integrations`, {
      token,
      body: { provider: 'callrail', account: 'COM0123456789abcdef0123456789abcdef', label: planted.name },
    })
    expect([made.status, told.status]).toEqual([500, 500])
    expect(JSON.stringify([made.body, told.body])).not.toMatch(tracesOfPlanted)
    await eventually(
      async () => stack.logLines.some((line) => line.includes('the database raised an exception')),
      (found) => found,
    )

    const failed = await eventually(
      async () => stack.logLines.slice(before).filter((line) => line.includes('invalid input syntax for type uuid')),
      (lines) => lines.length > 0,
    )
    expect(failed[0]).toContain('invalid input syntax for type uuid: \\"…\\"')
    await eventually(
      async () => stack.rows<{ error: string }>(`select error from webhook_receipts where error is not null`),
      (rows) => rows.length > 0,
    )
    expect(linesWithPlanted().slice(0, 3)).toEqual([])
  }, 60_000)

  it('keeps the ids by which a person can be helped', () => {
    const text = stack.logLines.join('\n')
    for (const id of [session.session_id, session.conversation_id, acme]) expect(text.includes(id)).toBe(true)
    expect(/"trace_id":"[0-9a-f]{32}"/.test(text)).toBe(true)
    expect(/"user_id":"[0-9a-f-]{36}"/.test(text)).toBe(true)
  })
})
