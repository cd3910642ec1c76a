import { verify } from '@node-rs/argon2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedDevelopment } from '../../src/dev/seed.js'
import { createWorld, demoPassword, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld()))
afterAll(() => world.close())

const rows = () => world.admin('select to_jsonb(u) as row from users u order by user_email')

describe('seedDevelopment', () => {
  it('makes two companies and their users, who log in with the demo password', async () => {
    const users = await world.admin<{ it: string; password_hash: string }>(
      `select c.name || ' ' || user_email || ' ' || role as it, password_hash from users join companies c on c.id = company_id order by 1`,
    )
    expect(users.map(({ it }) => it)).toEqual([
      'Acme Genetics csr@acme.test csr',
      'Acme Genetics lead@acme.test leadership',
      'Acme Genetics rep2@acme.test rep',
      'Acme Genetics rep@acme.test rep',
      'Borealis Health lead@borealis.test leadership',
    ])
    for (const { password_hash } of users) expect(await verify(password_hash, demoPassword)).toBe(true)
  })

  it('changes nothing the second time, with the owner’s login or the application’s', async () => {
    const before = await rows()
    await seedDevelopment({ url: world.test.ownerUrl, demoPassword })
    await seedDevelopment({ url: world.test.url, demoPassword })
    expect(await rows()).toEqual(before)
  })

  it('sets a new demo password', async () => {
    await seedDevelopment({ url: world.test.url, demoPassword: 'another one' })
    const user = await world.users.findForLogin('rep2@acme.test')
    expect(await verify(user?.passwordHash ?? '', 'another one')).toBe(true)
  })

  it('leaves an address to whoever has it', async () => {
    await world.admin(`delete from users where user_email = 'csr@acme.test'`)
    await world.admin(
      `insert into users (company_id, user_email, display_name, role) select id, 'CSR@acme.test', 'Mine', 'rep' from companies where name like 'Acme%'`,
    )
    await seedDevelopment({ url: world.test.url, demoPassword })
    expect(await world.users.findForLogin('csr@acme.test')).toMatchObject({ displayName: 'Mine', passwordHash: null })
  })
})
