import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { IdentityChange, MembershipChange, OrganizationChange, UserChange } from '../../src/domain/webhook.js'
import { applyToIdentity } from '../../src/store/identity-applier.js'
import type { Applied } from '../../src/store/receipt-applier.js'
import { applyWith } from './apply.js'
import { acme, borealis, createWorld, type World } from './world.js'

let world: World
let apply: (...changes: IdentityChange[]) => Promise<Applied[]>

beforeAll(async () => {
  world = await createWorld()
  const applier = applyWith(world, applyToIdentity)
  apply = (...changes) =>
    applier(...changes.map((change) => ({ target: 'identity', provider: 'clerk', ...change }) as const))
})
afterAll(() => world.close())

const at = 1_795_253_000_000
const newId = (prefix: string) => `${prefix}_${randomUUID()}`

const organization = (organizationId: string, changes: Partial<OrganizationChange> = {}): OrganizationChange => ({
  entity: 'organization',
  organizationId,
  name: 'Curie Labs',
  deleted: false,
  updatedAt: at,
  sentAt: at,
  ...changes,
})
const user = (userId: string, changes: Partial<UserChange> = {}): UserChange => ({
  entity: 'user',
  userId,
  email: `${userId}@example.com`,
  displayName: 'Marie Curie',
  deleted: false,
  updatedAt: at,
  sentAt: at,
  ...changes,
})
const membership = (
  organizationId: string,
  userId: string,
  changes: Partial<MembershipChange> = {},
): MembershipChange => ({
  entity: 'membership',
  organizationId,
  organizationName: 'Curie Labs (stub)',
  userId,
  email: `${userId}@example.com`,
  displayName: 'Marie',
  role: 'rep',
  deleted: false,
  updatedAt: at,
  sentAt: at,
  ...changes,
})

interface UserRow extends Record<string, unknown> {
  id: string
  company_id: string
  user_email: string
  role: string
  disabled_at: Date | null
  clerk_user_id: string | null
}
const userRows = (clerkUserId: string) =>
  world.admin<UserRow>('select * from users where clerk_user_id = $1', [clerkUserId])
const companyRows = (organizationId: string) =>
  world.admin<{ id: string; name: string; disabled_at: Date | null }>(
    `select c.* from companies c join integrations i on i.tenant_id = c.id where i.provider = 'clerk' and i.account = $1`,
    [organizationId],
  )
const link = (tenantId: string, organizationId: string) =>
  world.admin(`insert into integrations (tenant_id, provider, account) values ($1, 'clerk', $2)`, [
    tenantId,
    organizationId,
  ])
const eventsOf = (applied: Applied | undefined) =>
  applied?.state === 'applied' ? applied.events.map(({ event }) => event) : applied

describe('@integration an organisation', () => {
  it('becomes a company with its integration, is renamed, and is disabled with all its users', async () => {
    const [org, member] = [newId('org'), newId('user')]
    const [made, joined] = await apply(organization(org), membership(org, member))
    const [company] = await companyRows(org)
    expect(made).toEqual({
      state: 'applied',
      tenantId: company?.id,
      events: [{ event: 'identity.organization.created', tenantId: company?.id, data: { organization_id: org } }],
    })
    expect(company).toMatchObject({ name: 'Curie Labs', disabled_at: null, clerk_updated_at: String(at) })
    expect(eventsOf(joined)).toEqual(['identity.user.created'])
    const [row] = await userRows(member)
    const { token } = await world.tokens.issue({
      tenantId: company?.id ?? '',
      userId: row?.id ?? '',
      expiresAt: new Date(Date.now() + 60_000),
    })
    const [renamed] = await apply(organization(org, { name: 'Curie & Curie', updatedAt: at + 1 }))
    expect(eventsOf(renamed)).toEqual(['identity.organization.updated'])
    const [deleted, again] = await apply(
      organization(org, { deleted: true, updatedAt: at + 2 }),
      organization(org, { deleted: true, updatedAt: at + 2 }),
    )
    expect([eventsOf(deleted), eventsOf(again)]).toEqual([['identity.organization.deleted'], []])
    expect(await companyRows(org)).toMatchObject([{ name: 'Curie & Curie', disabled_at: new Date(at + 2) }])
    expect(await userRows(member)).toMatchObject([{ disabled_at: new Date(at + 2) }])
    expect(await world.tokens.rotate(token)).toEqual({ state: 'revoked' })
    // Its neighbours are as they were.
    expect(await world.admin('select from users where company_id = $1 and disabled_at is not null', [acme])).toEqual([])
  })

  it('that is a company of ours already stays that company', async () => {
    const org = newId('org')
    await link(borealis, org)
    const [applied] = await apply(organization(org, { name: 'Borealis Health' }))
    expect(applied).toMatchObject({ state: 'applied', tenantId: borealis, events: [] })
  })

  it('that is told of only by its deletion is waited for', async () => {
    const org = newId('org')
    expect(await apply(organization(org, { deleted: true, updatedAt: at + 5 }))).toEqual([
      { state: 'unknown', reason: 'no such organisation' },
    ])
    expect(await companyRows(org)).toEqual([])
    await apply(organization(org))
    expect(await companyRows(org)).toMatchObject([{ disabled_at: new Date(at + 5) }])
  })
})

describe('@integration a user', () => {
  it('is parked without an organisation, and updated where it is known', async () => {
    const [org, member] = [newId('org'), newId('user')]
    expect(await apply(user(member))).toEqual([{ state: 'unknown', reason: 'no such user' }])
    expect(await userRows(member)).toEqual([])
    await apply(membership(org, member, { role: 'csr' }))
    // What was told of the user before counts, though it could not be applied then.
    expect(await userRows(member)).toMatchObject([{ display_name: 'Marie Curie', role: 'csr', disabled_at: null }])
    const [updated] = await apply(
      user(member, { email: 'marie@example.com', displayName: 'Marie Skłodowska', updatedAt: at + 1 }),
    )
    const [row] = await userRows(member)
    expect(row).toMatchObject({
      user_email: 'marie@example.com',
      display_name: 'Marie Skłodowska',
      clerk_updated_at: String(at + 1),
    })
    expect(updated).toEqual({
      state: 'applied',
      tenantId: row?.company_id,
      userId: row?.id,
      events: [
        {
          event: 'identity.user.updated',
          tenantId: row?.company_id,
          userId: row?.id,
          data: { user_id: row?.id, clerk_user_id: member, role: 'csr' },
        },
      ],
    })
  })

  it('is disabled when deleted, with every refresh token, and a late update revives nobody', async () => {
    const [org, member] = [newId('org'), newId('user')]
    await apply(membership(org, member))
    const [row] = await userRows(member)
    const { token } = await world.tokens.issue({
      tenantId: row?.company_id ?? '',
      userId: row?.id ?? '',
      expiresAt: new Date(Date.now() + 60_000),
    })
    const [gone] = await apply(user(member, { deleted: true, updatedAt: at + 10 }))
    expect(eventsOf(gone)).toEqual(['identity.user.deleted'])
    expect(
      await world.admin('select from refresh_tokens where user_id = $1 and revoked_at is null', [row?.id]),
    ).toEqual([])
    expect(await world.tokens.rotate(token)).toEqual({ state: 'revoked' })
    await apply(
      user(member, { displayName: 'Late', updatedAt: at + 5 }),
      membership(org, member, { updatedAt: at + 20 }),
    )
    expect(await userRows(member)).toMatchObject([{ disabled_at: new Date(at + 10) }])
  })

  it('who leaves is disabled, and who comes back is enabled', async () => {
    const [org, member] = [newId('org'), newId('user')]
    await apply(membership(org, member, { role: 'leadership' }))
    const [left] = await apply(membership(org, member, { deleted: true, updatedAt: at + 1 }))
    expect(eventsOf(left)).toEqual(['identity.user.deleted'])
    expect(await userRows(member)).toMatchObject([{ disabled_at: new Date(at + 1) }])
    const [back] = await apply(membership(org, member, { role: 'rep', updatedAt: at + 2 }))
    expect(eventsOf(back)).toEqual(['identity.user.updated'])
    expect(await userRows(member)).toMatchObject([{ disabled_at: null, role: 'rep' }])
  })

  it('whom somebody of ours has disabled stays so', async () => {
    const [org, member] = [newId('org'), newId('user')]
    await apply(membership(org, member))
    await world.admin(`update users set disabled_at = '2026-01-01T00:00:00Z' where clerk_user_id = $1`, [member])
    await apply(membership(org, member, { role: 'csr', updatedAt: at + 1 }))
    expect(await userRows(member)).toMatchObject([{ role: 'csr', disabled_at: new Date('2026-01-01T00:00:00Z') }])
  })

  it('without an email waits for one', async () => {
    const [org, member] = [newId('org'), newId('user')]
    expect(await apply(membership(org, member, { email: undefined }))).toEqual([
      { state: 'unknown', reason: 'the user has no email yet' },
    ])
    expect(await companyRows(org)).toEqual([])
    expect(await apply(organization(org), user(member))).toMatchObject([{ state: 'applied' }, { state: 'applied' }])
    expect(await userRows(member)).toHaveLength(1)
  })
})

describe('@multitenant an email', () => {
  it('of a password user of the same company makes that user Clerk’s', async () => {
    const [org, member] = [newId('org'), newId('user')]
    await link(acme, org)
    const [linked] = await apply(membership(org, member, { email: 'REP2@acme.test', role: 'rep' }))
    expect(eventsOf(linked)).toEqual(['identity.user.updated'])
    const [row] = await userRows(member)
    expect(row).toMatchObject({ id: seedUsers.acmeRep2.id, company_id: acme })
    expect(row?.password_hash).toMatch(/^\$argon2/)
  })

  it('of another company’s user is refused, and nothing changes there or here', async () => {
    const [org, member] = [newId('org'), newId('user')]
    await link(acme, org)
    const before = await world.admin('select * from users order by id')
    const refusal = { state: 'mismatch', reason: 'the email belongs to a user of another company' }
    expect(await apply(membership(org, member, { email: seedUsers.borealisLead.email }))).toEqual([refusal])
    expect(await world.admin('select * from users order by id')).toEqual(before)
    // A user that is there does not get it either, and can be changed otherwise.
    await apply(membership(org, member))
    expect(await apply(user(member, { email: seedUsers.borealisLead.email, updatedAt: at + 1 }))).toEqual([refusal])
    expect(await apply(membership(org, member, { role: 'csr', updatedAt: at + 2 }))).toMatchObject([
      { state: 'applied', tenantId: acme },
    ])
    expect(await userRows(member)).toMatchObject([{ user_email: `${member}@example.com`, role: 'csr' }])
  })

  it('of another user of the company is that one’s until it is deleted', async () => {
    const [org, first, second] = [newId('org'), newId('user'), newId('user')]
    const email = `${first}@example.com`
    await apply(membership(org, first))
    expect(await apply(membership(org, second, { email }))).toEqual([
      { state: 'unknown', reason: 'the email is still another user’s' },
    ])
    expect(await userRows(first)).toHaveLength(1)
    await apply(user(first, { deleted: true, updatedAt: at + 1 }))
    const [again] = await apply(membership(org, second, { email }))
    expect(eventsOf(again)).toEqual(['identity.user.updated'])
    expect(await userRows(first)).toEqual([])
    expect(await userRows(second)).toMatchObject([{ user_email: email, disabled_at: null }])
  })

  it('does not take a user into a second company', async () => {
    const [one, two, member] = [newId('org'), newId('org'), newId('user')]
    await apply(membership(one, member))
    const [row] = await userRows(member)
    expect(await apply(membership(two, member))).toEqual([
      { state: 'mismatch', reason: 'the user belongs to another company' },
    ])
    expect(await userRows(member)).toEqual([row])
    expect(await companyRows(two)).toEqual([])
    const [left] = await apply(membership(two, member, { deleted: true, updatedAt: at + 1 }))
    expect(left?.state).toBe('unknown')
    expect(await userRows(member)).toEqual([row])
  })
})

describe('@idempotency the events of a company', () => {
  /** A story of one organisation and two users; times collide on purpose. */
  const story = fc.array(
    fc.record({
      what: fc.constantFrom('organization', 'user', 'membership'),
      who: fc.constantFrom('a', 'b'),
      deleted: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
      time: fc.integer({ min: 0, max: 4 }),
      sent: fc.integer({ min: 0, max: 2 }),
      text: fc.constantFrom('x', 'y', 'z'),
      role: fc.constantFrom('leadership' as const, 'csr' as const, 'rep' as const),
    }),
    { minLength: 1, maxLength: 8 },
  )
  type Story = typeof story extends fc.Arbitrary<infer S> ? S : never

  function tell(mark: string, one: Story[number]): IdentityChange {
    const { what, who, deleted, time, sent, text, role } = one
    const times = { deleted, updatedAt: at + time, sentAt: at + sent }
    const email = `${text}-${who}-${mark}@example.com`
    if (what === 'organization') return organization(`org_${mark}`, { ...times, name: text })
    if (what === 'user') return user(`user_${who}_${mark}`, { ...times, email, displayName: text })
    return membership(`org_${mark}`, `user_${who}_${mark}`, { ...times, email, displayName: text, role })
  }

  /** What waits is tried again until nothing changes any more, as the drain does. */
  async function run(mark: string, order: Story) {
    let waiting = order.map((one) => tell(mark, one))
    for (let round = 0; round < 4 && waiting.length > 0; round++) {
      const left: IdentityChange[] = []
      for (const change of waiting) if ((await apply(change))[0]?.state === 'unknown') left.push(change)
      waiting = left
    }
    const rows = await world.admin(
      `select replace(to_jsonb(r)::text, $1, '') as row from (
         select c.name, c.disabled_at, c.clerk_updated_at, u.user_email, u.display_name, u.role, u.clerk_user_id,
           u.clerk_updated_at as user_updated_at, u.disabled_at as user_disabled_at
         from integrations i join companies c on c.id = i.tenant_id left join users u on u.company_id = c.id
         where i.account = 'org_' || $1 order by u.clerk_user_id) as r`,
      [mark],
    )
    return rows
  }

  it('give the same rows in every order, with repetitions', async () => {
    await fc.assert(
      fc.asyncProperty(
        story.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 })),
        ),
        async ([all, shuffled]) => {
          expect(await run(randomUUID().slice(0, 8), shuffled)).toEqual(await run(randomUUID().slice(0, 8), all))
        },
      ),
      { numRuns: 25 },
    )
  }, 120_000)

  it('end well when two transactions tell them at once', async () => {
    const [org, member] = [newId('org'), newId('user')]
    await Promise.all([
      apply(membership(org, member)),
      apply(organization(org)),
      apply(user(member)),
      apply(membership(org, member, { role: 'csr', updatedAt: at + 1 })),
    ])
    expect(await companyRows(org)).toMatchObject([{ name: 'Curie Labs' }])
    expect(await userRows(member)).toMatchObject([{ role: 'csr' }])
  })
})
