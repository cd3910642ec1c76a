import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import { acme, actors, borealis, createWorld, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld()))
afterAll(() => world.close())

const { acmeRep, acmeRep2, borealisLead } = seedUsers
const nobody = { systemUserId: null, tenantId: undefined, by: 'none' }

describe('findForLogin', () => {
  it('finds a user by the email in any case, with what a login needs', async () => {
    expect(await world.users.findForLogin('REP@Acme.test')).toEqual({
      ...{ id: acmeRep.id, email: 'rep@acme.test', displayName: 'Rosalind Franklin', companyId: acme, role: 'rep' },
      disabledAt: null,
      passwordHash: expect.stringMatching(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/) as string,
    })
  })

  it.each([['nobody@acme.test'], [''], ['rep@acme.test\0'.repeat(2)], ["' or true --"], ['%']])(
    'finds nobody under %j',
    async (email) => expect(await world.users.findForLogin(email)).toBeUndefined(),
  )
})

describe('findById', () => {
  it('finds a user without its password', async () => {
    const user = await world.users.findById(acmeRep.id)
    expect(user).toMatchObject({ email: 'rep@acme.test', role: 'rep' })
    expect(user).not.toHaveProperty('passwordHash')
  })

  it.each([[randomUUID()], ['auth0|123'], ['']])('finds nobody under %j', async (id) => {
    expect(await world.users.findById(id)).toBeUndefined()
  })
})

describe('findProfile', () => {
  it('tells the actor of the own user and company', async () => {
    expect(await world.users.findProfile(actors.acmeRep)).toMatchObject({
      id: acmeRep.id,
      companyName: 'Acme Genetics',
    })
  })

  it('tells nobody of a user of another company', async () => {
    expect(await world.users.findProfile({ ...actors.borealisLead, userId: acmeRep.id })).toBeUndefined()
  })

  it('tells nothing of a user who is not in the table', async () => {
    expect(await world.users.findProfile({ ...actors.acmeRep, userId: 'auth0|123' })).toBeUndefined()
  })
})

describe('resolveForTracking', () => {
  const byEmail = (user: typeof acmeRep) => ({ systemUserId: user.id, tenantId: user.companyId, by: 'email' })

  it.each([
    [
      'the email’s user in the token’s company',
      { userId: 's', email: 'Rep@acme.test', tenantId: acme },
      byEmail(acmeRep),
    ],
    [
      'the email’s user and company for a token without one',
      { userId: 's', email: 'lead@borealis.test' },
      byEmail(borealisLead),
    ],
    [
      'the email’s user rather than the token’s own id',
      { userId: acmeRep2.id, email: 'rep@acme.test', tenantId: acme },
      byEmail(acmeRep),
    ],
    [
      'the token’s own id when the email is another company’s',
      { userId: 's', email: 'lead@borealis.test', tenantId: acme },
      { systemUserId: 's', tenantId: acme, by: 'sub' },
    ],
    [
      'the token’s own id when the email is unknown',
      { userId: acmeRep.id, email: 'new@acme.test', tenantId: acme },
      { systemUserId: acmeRep.id, tenantId: acme, by: 'sub' },
    ],
    [
      'the token’s own id when there is no email, although no such user is known',
      { userId: 'auth0|1', tenantId: borealis },
      { systemUserId: 'auth0|1', tenantId: borealis, by: 'sub' },
    ],
    [
      'the known user of a token without email and company',
      { userId: borealisLead.id },
      { systemUserId: borealisLead.id, tenantId: borealis, by: 'sub' },
    ],
    ['nobody for an unknown user without a company', { userId: 'auth0|1', email: 'a@b.test' }, nobody],
    [
      'nobody for a company that does not exist',
      { userId: 's', email: 'rep@acme.test', tenantId: randomUUID() },
      nobody,
    ],
    ['nobody for a company that is no UUID', { userId: 's', email: 'rep@acme.test', tenantId: 'org_1' }, nobody],
  ])('finds %s', async (_, owner, expected) => {
    expect(await world.users.resolveForTracking(owner)).toEqual(expected)
  })

  it('does not count a disabled user', async () => {
    await world.admin('update users set disabled_at = now() where id = $1', [acmeRep2.id])
    const { resolveForTracking } = world.users
    expect(await resolveForTracking({ userId: 's', email: acmeRep2.email, tenantId: acme })).toMatchObject({
      by: 'sub',
    })
    expect(await resolveForTracking({ userId: 's', email: acmeRep2.email })).toEqual(nobody)
    expect(await resolveForTracking({ userId: acmeRep2.id })).toEqual(nobody)
  })
})
