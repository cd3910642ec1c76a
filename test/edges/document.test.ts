import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { login } from '../support/client.js'
import { type Stack, startStack } from '../support/stack.js'
import { createJudge, type Document, type Operation, operationsOf, resolve, valuesOf } from './document.js'

let stack: Stack
let token: string
let document: Document
let operations: Operation[]
let complaint: ReturnType<typeof createJudge>

beforeAll(async () => {
  stack = await startStack({
    env: { RATE_LIMIT_ANONYMOUS: '1000000/minute', LOGIN_RATE_LIMIT: '1000000/minute', ANONYMOUS_MAX_ACTIVE: '100000' },
  })
  token = await login(stack.url, 'lead@acme.test')
  document = (await (await fetch(`${stack.url}/openapi.json`)).json()) as Document
  operations = operationsOf(document)
  complaint = createJudge(document)
})
afterAll(() => stack?.stop())

interface Given {
  path: Record<string, unknown>
  query: Record<string, unknown>
  header: Record<string, unknown>
  body?: unknown
  origin?: string
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))

async function ask(operation: Operation, { path, query, header, body, origin }: Given) {
  const filled = operation.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(textOf(path[name]) || 'x'),
  )
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, textOf(value)]),
  )
  const headers = new Headers({ authorization: `Bearer ${token}` })
  // A header holds no control characters, and the client none beyond Latin-1.
  for (const [name, value] of Object.entries(header)) headers.set(name, textOf(value).replace(/[^\x20-\x7e]/g, '?'))
  if (origin !== undefined) headers.set('origin', origin)
  if (body !== undefined) headers.set('content-type', 'application/json')
  const response = await fetch(`${stack.url}${filled}${search.size > 0 ? `?${search.toString()}` : ''}`, {
    method: operation.method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}

const parametersOf = (operation: Operation, place: string) =>
  (operation.parameters ?? []).filter((parameter) => parameter.in === place)

function partsOf(operation: Operation, place: 'path' | 'query' | 'header') {
  const parameters = parametersOf(operation, place)
  return fc.record(Object.fromEntries(parameters.map(({ name, schema }) => [name, valuesOf(document, schema)])), {
    requiredKeys: parameters.filter(({ required }) => required).map(({ name }) => name),
  })
}

const requestsOf = (operation: Operation): fc.Arbitrary<Given> =>
  fc
    .tuple(
      partsOf(operation, 'path'),
      partsOf(operation, 'query'),
      partsOf(operation, 'header'),
      operation.body ? valuesOf(document, operation.body) : fc.constant(undefined),
    )
    .map(([path, query, header, body]) => ({ path, query, header, body }))

const attacks = [
  `' or 1=1 --`,
  `'; drop table users; --`,
  `") union select null,null,version() --`,
  `1; select pg_sleep(5)`,
  `\\'; --`,
  `$1::jsonb || '{}' \${jndi:ldap://x}`,
  `\r\nX-Evil: 1`,
  `../../../etc/passwd`,
  `{{7*7}}<script>alert(1)</script>`,
  `\u0000`,
  `${'A'.repeat(5000)}`,
  `\ud83d\ude00\u202e\u200b`,
  `-1`,
  `99999999999999999999`,
  `NaN`,
  `[object Object]`,
  `__proto__`,
]

/** Requests of which one value is an attack. */
function attacked(operation: Operation, base: Given): Given[] {
  const { body = {} } = operation
  const places = (['path', 'query', 'header'] as const).flatMap((place) =>
    parametersOf(operation, place).map(({ name }) => ({ place, name })),
  )
  const fields = Object.keys(resolve(document, body).properties ?? {})
  return attacks.flatMap((attack) => [
    ...places.map(({ place, name }) => ({ ...base, [place]: { ...base[place], [name]: attack } })),
    ...fields.flatMap((name) => [
      { ...base, body: { ...(base.body as object), [name]: attack } },
      { ...base, body: { ...(base.body as object), [name]: { [attack]: [attack] } } },
    ]),
    { ...base, query: { ...base.query, [attack.slice(0, 50)]: attack } },
  ])
}

/** One of each kind: a fault that every request meets would hide the others. */
async function complaintsOf(requests: (readonly [Operation, Given])[]): Promise<string[]> {
  const found = new Map<string, string>()
  const waiting = [...requests]
  const worker = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [operation, given] = next
      const wrong = complaint(operation, await ask(operation, given))
      if (wrong === undefined) continue
      const where = `${operation.method} ${operation.path}`
      found.set(`${where} ${wrong.slice(0, 30)}`, `${where}: ${wrong} for ${JSON.stringify(given).slice(0, 300)}`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return [...found.values()]
}

describe('every operation of the document @integration', () => {
  it('answers as it is documented, whatever the schemas allow', async () => {
    const requests = operations.flatMap((operation) =>
      fc.sample(requestsOf(operation), { numRuns: 12, seed: 20261121 }).map((given) => [operation, given] as const),
    )
    expect(operations.length).toBeGreaterThan(60)
    expect(await complaintsOf(requests)).toEqual([])
  }, 300_000)

  it('answers as it is documented when a value is an attack, and nothing of it is run', async () => {
    const requests = operations.flatMap((operation) => {
      const [base] = fc.sample(requestsOf(operation), { numRuns: 1, seed: 7 })
      return attacked(operation, base ?? { path: {}, query: {}, header: {} }).map(
        (given) => [operation, given] as const,
      )
    })
    expect(await complaintsOf(requests)).toEqual([])
    const [users] = await stack.rows<{ count: string }>('select count(*) from users')
    expect(Number(users?.count)).toBeGreaterThanOrEqual(5)
    expect(stack.logLines.filter((line) => /syntax error|unterminated|pg_sleep/.test(line))).toEqual([])
  }, 300_000)

  it('refuses a page of a strange origin, in a preflight too', async () => {
    for (const operation of operations) {
      const given = { path: {}, query: {}, header: {}, origin: 'https://evil.example' }
      expect((await ask(operation, given)).status, `${operation.method} ${operation.path}`).toBe(403)
      const header = { 'access-control-request-method': operation.method }
      const preflight = await ask({ ...operation, method: 'OPTIONS' }, { ...given, header })
      expect(preflight.status, `OPTIONS ${operation.path}`).toBe(403)
    }
  })
})
