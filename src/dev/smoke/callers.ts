import { seedCompanies, seedUsers } from '../seed.js'
import type { Client } from './client.js'
import { type CheckRunner, ensure, Failure, Skip } from './results.js'
import type { Settings } from './settings.js'

export interface Person {
  token: string
  id: string
  companyId: string
}

export interface Callers {
  a: Person | undefined
  /** Of another company than A. */
  b: Person | undefined
  /** Tokens of others of A's company. */
  colleagues: string[]
}

export interface CallerOptions {
  client: Client
  settings: Settings
  check: CheckRunner
  say: (text: string) => void
}

/** Who asks: the tokens that were given or, without any, the users that development is seeded with. */
export async function findCallers(options: CallerOptions): Promise<Callers> {
  const { tokenA } = options.settings
  const callers: Callers = { a: undefined, b: undefined, colleagues: [] }
  if (tokenA === undefined) await logInDemoUsers(options, callers)
  else await takeTokens({ ...options, tokenA }, callers)
  await options.check('B is of another company than A', () => {
    const { a, b } = callers
    if (!a || !b) throw new Skip(whyNot(a, b))
    if (a.companyId === b.companyId) callers.b = undefined
    ensure(a.companyId !== b.companyId, () => `both are of ${a.companyId}`)
    return `${a.companyId} and ${b.companyId}`
  })
  await options.check('A is of the expected company', () => {
    // The demo users' company is known without being named.
    const { tenantId = tokenA === undefined ? seedCompanies.acme.id : undefined } = options.settings
    if (tenantId === undefined) throw new Skip('no TENANT_ID was given')
    if (!callers.a) throw new Skip(whyNot(undefined, undefined))
    const { companyId } = callers.a
    ensure(companyId === tenantId, () => `A is of ${companyId}, not of ${tenantId}`)
    return tenantId
  })
  return callers
}

/** Why a check that needs both callers cannot be made. */
export const whyNot = (a: Person | undefined, b: Person | undefined): string =>
  a ? (b ? '' : 'there is no caller of another company (TOKEN_B)') : 'there is no caller (TOKEN_A)'

async function takeTokens(
  { client, settings: { tokenB, colleagues }, check, tokenA }: CallerOptions & { tokenA: string },
  callers: Callers,
): Promise<void> {
  await check('TOKEN_A is taken', async () => {
    callers.a = await personOf(client, tokenA)
    return callers.a.id
  })
  await check('TOKEN_B is taken', async () => {
    if (tokenB === undefined) throw new Skip('no TOKEN_B was given')
    callers.b = await personOf(client, tokenB)
    return callers.b.id
  })
  callers.colleagues = colleagues
}

async function personOf(client: Client, token: string): Promise<Person> {
  const { status, body, seen } = await client.askPatiently('/auth/me', { token })
  ensure(status === 200, () => seen)
  return { token, id: String(body?.id), companyId: String(body?.company_id) }
}

async function logInDemoUsers({ client, settings, check, say }: CallerOptions, callers: Callers): Promise<void> {
  say('no TOKEN_A was given: logging in as the demo users of development')
  await check('the demo users log in', async () => {
    const logIn = async ({ email }: { email: string }): Promise<Person> => {
      const body = { email, password: settings.demoPassword }
      const answer = await client.askPatiently('/auth/login', { method: 'POST', body })
      if (answer.status === 401) throw new Skip(`no TOKEN_A was given, and there are no demo users: ${answer.seen}`)
      const user = answer.body?.user as { id: string; company_id: string } | undefined
      if (answer.status !== 200 || !user) throw new Failure(answer.seen)
      return { token: String(answer.body?.token), id: user.id, companyId: user.company_id }
    }
    callers.a = await logIn(seedUsers.acmeLead)
    callers.b = await logIn(seedUsers.borealisLead)
    for (const colleague of [seedUsers.acmeCsr, seedUsers.acmeRep, seedUsers.acmeRep2])
      callers.colleagues.push((await logIn(colleague)).token)
    return 'one of leadership, three colleagues, one of another company'
  })
}
