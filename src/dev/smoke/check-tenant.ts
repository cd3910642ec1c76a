import { type Callers, type Person, whyNot } from './callers.js'
import type { Client } from './client.js'
import { problemOf } from './problem.js'
import { type CheckRunner, ensure, Skip } from './results.js'

interface Options {
  client: Client
  callers: Callers
  check: CheckRunner
}

/** What is A's is not there for B, whatever B says of itself. One request of A, three of B: limits may be low. */
export async function checkTenant({ client, callers, check }: Options): Promise<void> {
  const both = (): { a: Person; b: Person } => {
    const { a, b } = callers
    if (!a || !b) throw new Skip(whyNot(a, b))
    return { a, b }
  }
  const claim = (id: string) => ({ 'x-tenant-id': id, 'x-company-id': id })

  await check('A sees a row of its own company', async () => {
    const { a } = both()
    const { status, seen } = await client.askPatiently(`/users/${a.id}`, { token: a.token })
    ensure(status === 200, () => seen)
    return '200'
  })
  await check('B does not find it', async () => {
    const { a, b } = both()
    problemOf(await client.askPatiently(`/users/${a.id}`, { token: b.token }), 404)
    return '404'
  })
  await check('a list of B has nothing of A, with A’s company in a header', async () => {
    const { a, b } = both()
    const headers = claim(a.companyId)
    const { status, body, seen } = await client.askPatiently('/users?limit=100', { token: b.token, headers })
    const items = body?.items as { id: string }[] | undefined
    ensure(status === 200 && items !== undefined, () => seen)
    ensure(!items.some(({ id }) => id === a.id), () => `${seen} with the user of A`)
    return `${items.length} of its own`
  })
  await check('a company in the query or a header is ignored', async () => {
    const { a, b } = both()
    const path = `/auth/me?tenant_id=${a.companyId}&company_id=${a.companyId}`
    const { status, body, seen } = await client.askPatiently(path, { token: b.token, headers: claim(a.companyId) })
    ensure(status === 200, () => seen)
    ensure(body?.company_id === b.companyId, () => `B became one of ${String(body?.company_id)}`)
    return 'B stays of its own company'
  })
}
