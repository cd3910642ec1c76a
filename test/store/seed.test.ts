import { verify } from '@node-rs/argon2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.js'
import { seedDevelopment } from '../../src/dev/seed.js'
import { acme, borealis, createWorld, demoPassword, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld()))
afterAll(() => world.close())

const rows = () =>
  world.admin(`select to_jsonb(u) as row from users u union all select to_jsonb(i) from integrations i order by 1`)
const accounts = async () =>
  (
    await world.admin<{ it: string }>(
      `select c.name || ' ' || provider || ' ' || account as it from integrations i join companies c on c.id = i.tenant_id`,
    )
  )
    .map(({ it }) => it)
    .sort()

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
    await seedDevelopment({ url: world.test.url, demoPassword, accounts: {} })
    const before = await rows()
    await seedDevelopment({ url: world.test.ownerUrl, demoPassword, accounts: {} })
    await seedDevelopment({ url: world.test.url, demoPassword, accounts: {} })
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

  it('gives Acme a few leads, appointments and tasks, once, and leaves what was changed of them', async () => {
    const counts = () =>
      world.admin(
        `select (select count(*)::int from leads) as leads, (select count(*)::int from appointments) as appointments,
           (select count(*)::int from tasks) as tasks, (select count(*)::int from leads where notes = 'mine') as mine`,
      )
    expect(await counts()).toEqual([{ leads: 0, appointments: 0, tasks: 0, mine: 0 }])
    await seedDevelopment({ url: world.test.url, demoPassword, samples: true })
    await world.admin(`update leads set notes = 'mine'`)
    await seedDevelopment({ url: world.test.ownerUrl, demoPassword, samples: true })
    expect(await counts()).toEqual([{ leads: 3, appointments: 3, tasks: 3, mine: 3 }])
  })

  it('gives Acme an account at every simulated provider that asks for one', async () => {
    expect(await accounts()).toEqual([
      'Acme Genetics callrail +15005550007',
      'Acme Genetics callrail COM00000000000000000000000000000001',
      'Acme Genetics clerk org_simulated',
      'Acme Genetics elevenlabs agent_simulated',
      'Acme Genetics twilio +15005550006',
      'Acme Genetics twilio AC00000000000000000000000000000001',
    ])
  })

  it('takes the configured accounts, and leaves one that somebody has to them', async () => {
    await world.admin(`delete from integrations`)
    await world.admin(
      `insert into integrations (tenant_id, provider, account) values ('${borealis}', 'callrail', 'COM7')`,
    )
    const config = loadConfig({
      TWILIO_ACCOUNT_SID: 'AC7',
      TWILIO_FROM_NUMBER: '(415) 555-2671',
      CALLRAIL_ACCOUNT_ID: 'COM7',
      ELEVENLABS_AGENT_ID: 'agent_7',
    })
    await seedDevelopment({ url: world.test.url, demoPassword, accounts: config })
    expect(await accounts()).toEqual(
      expect.arrayContaining([
        'Borealis Health callrail COM7',
        'Acme Genetics elevenlabs agent_7',
        'Acme Genetics twilio +14155552671',
        'Acme Genetics twilio AC7',
      ]),
    )
    expect((await accounts()).length).toBe(6)
  })
})
