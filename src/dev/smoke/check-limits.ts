import { type Callers, whyNot } from './callers.js'
import type { Answer, Client } from './client.js'
import { limitsOf, shown } from './limit-headers.js'
import { problemOf } from './problem.js'
import { type CheckRunner, ensure, Skip } from './results.js'
import { countedPath, enterWindow, type Room, roomOf, spend } from './spending.js'

interface Options {
  client: Client
  callers: Callers
  check: CheckRunner
}

/** More than that is load, not a check. */
const mostRequests = 200
const problemType = 'https://tools.ietf.org/html/rfc6585#section-4'

/**
 * Uses up the limits of a user and of its company, and no more.
 * @returns the token of a user who is refused now
 */
export async function checkLimits({ client, callers: { a, b, colleagues }, check }: Options) {
  // Colleagues have asked nothing yet; A has.
  const tokens = a ? [...colleagues, a.token] : []
  let room: Room | undefined
  let refusal: Answer | undefined
  let leftOfCompany = 0
  let refused: string | undefined

  await check('an answer tells what is left', async () => {
    const [first] = tokens
    if (first === undefined) throw new Skip(whyNot(a, b))
    room = await enterWindow(client, first)
    leftOfCompany = room.tenant.remaining
    return `user ${shown(room.user)}, tenant ${shown(room.tenant)}`
  })
  await check('a user is refused beyond its limit', async () => {
    const { user, tenant } = known(room)
    const [first = ''] = tokens
    if (user.remaining > mostRequests) throw new Skip(`${shown(user)} is more than this sends`)
    if (tenant.remaining <= user.remaining) throw new Skip('the limit of its company comes first')
    const spent = await spend(client, first, user.remaining)
    refusal = spent.refusal
    ensure(spent.accepted === user.remaining, () => `refused after ${spent.accepted} of ${user.remaining}`)
    leftOfCompany = spent.last ? roomOf(spent.last).tenant.remaining : leftOfCompany
    refused = first
    return `request ${user.quota - user.remaining + spent.accepted + 1} of ${shown(user)} is a 429`
  })
  await check('the refusal is a 429 problem', () => refusalProblem(refusal))
  await check('it has Retry-After and the RateLimit headers', () => refusalHeaders(refusal))
  await check('a company is refused beyond its limit', async () => {
    const { user, tenant } = known(room)
    const others = tokens.slice(1)
    const text = `${leftOfCompany} are left of ${shown(tenant)}`
    if (leftOfCompany > mostRequests) throw new Skip(`${text}: more than this sends`)
    if (others.length * user.quota <= leftOfCompany)
      throw new Skip(`${text}, and ${others.length} more users at ${shown(user)} cannot use that up (--colleagues)`)
    const { accepted, limit, token } = await spendTogether(client, others)
    if (limit === 'user') throw new Skip(`${text}, and the users given were refused by their own limit before`)
    ensure(accepted === leftOfCompany, () => `refused after ${accepted}, when ${text}`)
    refused = token
    return `refused when its users had asked ${tenant.quota} times in ${tenant.windowSeconds} s`
  })
  await check('another company is not', async () => {
    if (refused === undefined) throw new Skip('no limit was used up')
    if (!b) throw new Skip(whyNot(a, b))
    const { status, seen } = await client.ask(countedPath, { token: b.token })
    ensure(status === 200, () => seen)
    return '200'
  })
  return refused
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Skip('what is left is not known')
  return value
}

/** Users of one company, one after the other, until the company's limit refuses one. */
async function spendTogether(client: Client, tokens: string[]) {
  let accepted = 0
  for (const token of tokens) {
    const spent = await spend(client, token, mostRequests)
    accepted += spent.accepted
    // What the user's limit refuses is not counted by the company's, which its answer does not name.
    if (limitsOf(spent.refusal).tenant) return { accepted, limit: 'tenant' as const, token }
  }
  return { accepted, limit: 'user' as const, token: undefined }
}

function refusalProblem(refusal: Answer | undefined): string {
  if (!refusal) throw new Skip('no user was refused')
  const { type, retry_after: retryAfter } = problemOf(refusal, 429)
  ensure(type === problemType, () => `${refusal.seen} of type ${String(type)}`)
  ensure(typeof retryAfter === 'number' && retryAfter > 0, () => `${refusal.seen}, retry_after: ${String(retryAfter)}`)
  return `retry_after ${retryAfter}`
}

function refusalHeaders(refusal: Answer | undefined): string {
  if (!refusal) throw new Skip('no user was refused')
  const { headers, body, seen } = refusal
  const after = headers.get('retry-after')
  ensure(after !== null && after === String(body?.retry_after), () => `${seen}, Retry-After: ${after ?? 'none'}`)
  const missing = ['limit', 'remaining', 'reset'].filter((name) => !headers.has(`ratelimit-${name}`))
  ensure(missing.length === 0, () => `${seen} without ${missing.map((name) => `RateLimit-${name}`).join(', ')}`)
  const { user } = limitsOf(refusal)
  ensure(user?.remaining === 0, () => `${seen}, RateLimit: ${headers.get('ratelimit') ?? 'none'}`)
  return `Retry-After: ${after}, RateLimit: ${headers.get('ratelimit') ?? ''}`
}
