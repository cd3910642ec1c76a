import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { type Role, roles } from '../../src/domain/identity.js'
import type { Route } from '../../src/http/route.js'
import { undecided } from '../../src/http/permissions.js'
import { scopesOf } from '../../src/http/api-key-schema.js'
import { actors, createWorld, type World } from '../store/world.js'
import { startApi, type TestApi } from '../support/application.js'
import { secret } from './harness.js'

let world: World
let api: TestApi
/** What a probe answers: the request came through to the handler. */
const reached = 204

/** The route with a handler that does nothing, switched on, and that takes whatever is sent: who may call is all that is asked. */
const probe = (route: Route): Route => ({
  ...route,
  available: () => undefined,
  request: {},
  handle: async () => ({ status: reached }),
})

beforeAll(async () => {
  world = await createWorld()
  api = await startApi({ databaseUrl: world.test.url, replace: probe })
})
afterAll(async () => {
  await api.stop()
  await world.close()
})

const sign = (claims: Record<string, unknown>) =>
  new SignJWT({ email: 'somebody@example.test', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('10m')
    .sign(new TextEncoder().encode(secret))

interface Caller {
  name: string
  headers: Record<string, string>
  /** Undefined: no company. */
  role: Role | undefined
  anonymous?: boolean
  /** Of a key: what it may do. */
  scopes?: readonly string[]
}

async function callersOf(tenantId: string, lead: (typeof actors)['acmeLead']): Promise<Caller[]> {
  const bearer = async (claims: Record<string, unknown>) => ({ authorization: `Bearer ${await sign(claims)}` })
  const everything = scopesOf(api.routes)
  const key = async (role: Role, scopes: readonly string[]) => {
    const input = { name: role, role, scopes, expiresAt: new Date(Date.now() + 3_600_000) }
    const made = await api.services.apiKeys.create(lead, input)
    return { headers: { 'x-api-key': made.secret }, role, scopes }
  }
  const sub = lead.userId
  return [
    ...(await Promise.all(
      roles.map(async (role) => ({ name: role, role, headers: await bearer({ sub, company_id: tenantId, role }) })),
    )),
    { name: 'no role', role: 'rep', headers: await bearer({ sub, company_id: tenantId }) },
    { name: 'no company', role: undefined, headers: await bearer({ sub, role: 'leadership' }) },
    ...(await Promise.all(
      roles.map(async (role) => ({ name: `key with every scope, ${role}`, ...(await key(role, everything)) })),
    )),
    { name: 'key with another scope', ...(await key('leadership', ['nothing:read'])) },
  ]
}

const nobody: Caller = { name: 'anonymous', headers: {}, role: undefined, anonymous: true }
const wrongToken: Caller = { ...nobody, name: 'invalid token', headers: { authorization: 'Bearer x.y.z' } }

/** What the definition of a route promises a caller: [status, code]. */
function promised(route: Route, { anonymous, role, scopes, name }: Caller): [number, string | undefined] {
  if (route.auth === 'none') return [reached, undefined]
  if (anonymous) {
    if (route.auth === 'optional') return [reached, undefined]
    return [401, name === 'anonymous' ? 'token_missing' : 'token_invalid']
  }
  if (scopes && route.keyScope === false) return [403, 'key_not_allowed']
  if (scopes && route.keyScope !== 'any' && !scopes.includes(String(route.keyScope))) return [403, 'scope_missing']
  if (!route.roles) return [reached, undefined]
  if (!role) return [403, 'tenant_missing']
  return route.roles.includes(role) ? [reached, undefined] : [403, 'role_missing']
}

const filled = (path: string) => path.replace(/:(\w+)/g, '0199a3c2-6d1e-7000-8000-0000000000ee')

async function answerTo(route: Route, path: string, caller: Caller): Promise<[number, string | undefined]> {
  const response = await fetch(`${api.url}${filled(path)}`, {
    method: route.method.toUpperCase(),
    headers: caller.headers,
    redirect: 'manual',
  })
  const text = await response.text()
  return [response.status, response.status >= 400 ? (JSON.parse(text) as { code: string }).code : undefined]
}

describe('every route @multitenant', () => {
  it('says who may call: by roles, or why none is asked for', () => {
    expect(undecided(api.routes).map(({ operationId }) => operationId)).toEqual([])
    expect(api.routes.length).toBeGreaterThan(40)
  })

  it('is found missing when it does not', () => {
    const [some] = api.routes.filter(({ roles: named }) => named)
    expect(some).toBeDefined()
    const without = { ...some, roles: undefined, anyRole: undefined } as Route
    const both = { ...some, anyRole: 'because' } as Route
    const nobodys = { ...some, roles: [] } as Route
    const open = { ...some, auth: 'optional' } as Route
    expect(undecided([without, both, nobodys, open])).toEqual([without, both, nobodys, open])
  })

  it('answers every kind of caller of each company as its definition says', async () => {
    const callers = [
      ...(await callersOf(actors.acmeLead.tenantId, actors.acmeLead)),
      ...(await callersOf(actors.borealisLead.tenantId, actors.borealisLead)),
      nobody,
      wrongToken,
    ]
    const wrong: unknown[] = []
    for (const route of api.product)
      for (const path of route.paths)
        for (const caller of callers) {
          const [answered, expected] = [await answerTo(route, path, caller), promised(route, caller)]
          if (String(answered) !== String(expected)) wrong.push([route.method, path, caller.name, answered, expected])
        }
    expect(wrong).toEqual([])
  })

  it('of identity and operations does so too', async () => {
    const own = api.routes.filter((route) => !api.product.includes(route))
    const callers = [...(await callersOf(actors.acmeLead.tenantId, actors.acmeLead)), nobody, wrongToken]
    const wrong: unknown[] = []
    for (const route of own)
      for (const path of route.paths)
        for (const caller of callers) {
          const [status, code] = await answerTo(route, path, caller)
          const [expected, expectedCode] = promised(route, caller)
          // Their handlers are real: past the gate they say what is missing in the request, or that a part is away.
          const right =
            expected === reached ? status !== 401 && status !== 403 : status === expected && code === expectedCode
          if (!right) wrong.push([route.method, path, caller.name, status, code])
        }
    expect(wrong).toEqual([])
  })

  it('is in docs/permissions.md with what it grants', async () => {
    const { permissionsDocument } = await import('../../src/dev/permissions-document.js')
    const text = permissionsDocument(api.routes)
    for (const { method, paths } of api.routes)
      for (const path of paths) expect(text).toContain(`| \`${method.toUpperCase()} ${path}\` |`)
    expect(text).toContain('| `GET /integrations` | yes | – | – | – | – | `integrations:read` |')
    expect(text).toContain('| `GET /calls` | yes | yes | yes | – | – | `calls:read` |')
    expect(text).toContain('| `POST /tavus/start` | yes | yes | yes | yes | yes | `tavus:write` |')
    expect(text).toContain('| `POST /api-keys` | yes | – | – | – | – | – |')
  })
})

describe('a refusal within a company @multitenant', () => {
  it('is in the company’s log, with what was needed and by whom', async () => {
    const { tenantId } = actors.acmeLead
    const { id } = seedUsers.acmeRep
    const response = await fetch(`${api.url}/integrations`, {
      headers: { authorization: `Bearer ${await sign({ sub: id, company_id: tenantId, role: 'rep' })}` },
    })
    expect(((await response.json()) as { detail: string }).detail).toBe(
      'Access denied. Required roles: leadership. User role: rep',
    )
    const events = await world.admin(
      `select tenant_id, severity, data, trace_id from event_logs where event = 'identity.access.denied' and user_id = $1`,
      [id],
    )
    expect(events).toEqual([
      {
        tenant_id: tenantId,
        severity: 'warning',
        trace_id: response.headers.get('x-trace-id'),
        data: { route: '/integrations', method: 'GET', role: 'rep', required_roles: ['leadership'] },
      },
    ])
  })

  it('of a company that nobody knows is refused all the same', async () => {
    const company = '0199a3c2-6d1e-7000-8000-00000000dead'
    const response = await fetch(`${api.url}/integrations`, {
      headers: { authorization: `Bearer ${await sign({ sub: 'x', company_id: company, role: 'rep' })}` },
    })
    expect(response.status).toBe(403)
  })
})
