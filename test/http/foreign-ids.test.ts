import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { Route } from '../../src/http/route.js'
import { acme, borealis, createWorld, type World } from '../store/world.js'
import { startApi, type TestApi } from '../support/application.js'
import { sampleOf } from '../support/sample-of.js'
import { fillTenant, idsOf, rowsOf } from '../support/tenant-rows.js'
import { tokenFor } from './harness.js'
import { tokenOf } from './identity-world.js'

let world: World
let api: TestApi
let own: Set<string>
let foreign: string[]

beforeAll(async () => {
  world = await createWorld()
  for (const user of [seedUsers.acmeLead, seedUsers.borealisLead]) await fillTenant(world, user)
  api = await startApi({ databaseUrl: world.test.url })
  own = idsOf(await rowsOf(world, borealis))
  foreign = [...idsOf(await rowsOf(world, acme))].filter((id) => !own.has(id))
})
afterAll(async () => {
  await api.stop()
  await world.close()
})

/** Bodies that cannot be guessed from their schema, by operation. */
const bodies: Record<string, unknown> = { startSession: { provider: 'tavus' } }

/** Longer than any answer takes that ends; a stream is cut, and what it sent by then is looked at. */
const patienceMs = 5000

async function ask(path: string, method: string, headers: Record<string, string>, body?: unknown) {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), patienceMs)
  const response = await fetch(`${api.url}${path}`, {
    method,
    redirect: 'manual',
    signal: controller.signal,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  let text = ''
  const decoder = new TextDecoder()
  try {
    for await (const part of response.body ?? []) text += decoder.decode(part as Uint8Array, { stream: true })
  } catch {
    // It was a stream, and is cut.
  }
  clearTimeout(timer)
  return { status: response.status, text }
}

const asked = (route: Route) => route.auth !== 'none'
const withParameters = () => api.routes.filter((route) => asked(route) && route.paths[0].includes(':'))
const withoutParameters = () => api.routes.filter((route) => asked(route) && !route.paths[0].includes(':'))
/** What is read; a GET that a key may call only to write begins something, and lists nothing. */
const lists = () =>
  withoutParameters().filter(({ method, keyScope }) => method === 'get' && !String(keyScope).endsWith(':write'))

/** Paths of a route with an id in the place of each of its parameters, as far as the route takes the id for one. */
function pathsWith(route: Route, id: string): string[] {
  return route.paths.flatMap((path) => {
    const names = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name)
    const takes = route.request.params?.safeParse(Object.fromEntries(names.map((name) => [name, id]))).success ?? true
    return takes ? [path.replace(/:\w+/g, encodeURIComponent(id))] : []
  })
}

/** A body that the route takes: a refusal must be of the id, and not of what came with it. */
function bodyOf({ request: { body }, operationId }: Route): unknown {
  if (!body) return undefined
  const sample = bodies[operationId] ?? sampleOf(body)
  if (sample === undefined) throw new Error(`add a body of ${operationId} to this test: its schema does not give one`)
  return sample
}

const withToken = async (name: keyof typeof seedUsers) => ({
  authorization: `Bearer ${await tokenOf(name)}`,
  'if-match': '"1"',
})

describe('another company’s ids @multitenant', () => {
  it('are 404 on every route that takes one, and change nothing', async () => {
    const headers = await withToken('borealisLead')
    const before = await rowsOf(world, acme)
    const wrong: unknown[] = []
    let tried = 0
    for (const route of withParameters())
      for (const id of foreign)
        for (const path of pathsWith(route, id)) {
          tried++
          const { status, text } = await ask(path, route.method.toUpperCase(), headers, bodyOf(route))
          if (status !== 404) wrong.push([route.method, path, status, text.slice(0, 200)])
        }
    expect(wrong).toEqual([])
    expect(tried).toBeGreaterThan(100)
    expect(await rowsOf(world, acme)).toEqual(before)
  }, 240_000)

  it('are the right ids: with them the company itself is answered', async () => {
    const headers = await withToken('acmeLead')
    const found: string[] = []
    for (const route of withParameters().filter(({ method, auth }) => method === 'get' && auth === 'required'))
      for (const path of foreign.flatMap((id) => pathsWith(route, id)))
        if ((await ask(path, 'GET', headers)).status < 300) found.push(route.operationId)
    expect([...new Set(found)]).toEqual(
      expect.arrayContaining([
        'getCall',
        'getCallOutcome',
        'getSession',
        'getTimeline',
        'getIntegration',
        'getDelivery',
      ]),
    )
  }, 240_000)

  it('stand in no list, whatever company the request asks for', async () => {
    const token = await withToken('borealisLead')
    const wish = {
      'x-tenant-id': acme,
      'x-company-id': acme,
      'x-organization-id': acme,
      'x-user-id': seedUsers.acmeLead.id,
    }
    const queries = ['', `?tenant_id=${acme}`, `?company_id=${acme}`, `?user=${seedUsers.acmeLead.id}`]
    const leaked: unknown[] = []
    for (const route of lists())
      for (const path of route.paths)
        for (const query of queries) {
          const { status, text } = await ask(`${path}${query}`, 'GET', { ...token, ...wish })
          // What was asked for may be quoted back in a refusal.
          const found = status >= 400 ? [] : foreign.filter((id) => text.includes(id))
          if (found.length > 0 || status === 401 || status >= 500) leaked.push([path, query, status, found])
        }
    expect(leaked).toEqual([])
  }, 240_000)
})

describe('a token of a company that nobody knows @multitenant', () => {
  it('is no fault of ours on any route', async () => {
    const token = await tokenFor({ sub: seedUsers.acmeLead.id, company_id: randomUUID(), role: 'leadership' })
    const stranger = await tokenFor({ sub: randomUUID(), company_id: randomUUID(), role: 'leadership' })
    const faults: unknown[] = []
    for (const route of api.routes.filter(asked))
      for (const authorization of [token, stranger].map((one) => `Bearer ${one}`)) {
        const path = route.paths[0].replace(/:\w+/g, randomUUID())
        const headers = { authorization, 'if-match': '*', 'idempotency-key': randomUUID() }
        // A conversation waits for the engine, which this test has not.
        const answer = ask(path, route.method.toUpperCase(), headers, bodyOf(route))
        const { status } = await answer.catch(() => ({ status: 0 }))
        if (status >= 500 && status !== 503) faults.push([route.operationId, status])
      }
    expect(faults).toEqual([])
  }, 240_000)
})
