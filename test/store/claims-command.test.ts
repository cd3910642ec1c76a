import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { claimsCommand, claimsUsage } from '../../src/store/claims-command.js'
import { createIntegrationStore } from '../../src/store/integrations.js'
import { acme, actors, borealis, createWorld, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld()))
afterAll(() => world.close())
beforeEach(() => world.admin('delete from integrations; delete from webhook_receipts'))

const account = `AC${'0'.repeat(31)}1`
const claim = (who: 'acmeLead' | 'borealisLead' = 'acmeLead') =>
  createIntegrationStore(world.database).add(actors[who], { provider: 'twilio', account })

async function run(...args: string[]) {
  const [out, err]: [string[], string[]] = [[], []]
  const output = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) }
  return { code: await claimsCommand(args, () => world.test.url, output), out, err }
}
const standings = () => world.admin('select tenant_id, standing from integrations')

describe('npm run claims @integration @multitenant', () => {
  it('lists what waits, with whose it is', async () => {
    expect(await run('list')).toEqual({ code: 0, out: ['nothing waits'], err: [] })
    const { id, createdAt } = await claim()
    await world.admin(`insert into integrations (tenant_id, provider, account) values ($1, 'twilio', 'confirmed')`, [
      acme,
    ])
    expect((await run('list')).out).toEqual([
      `${id}  twilio  ${account}  Acme Genetics (${acme})  since ${createdAt.toISOString()}`,
    ])
  })

  it('confirms one, and what was parked for the account is the company’s to take', async () => {
    const { id } = await claim()
    for (const named of [account, 'AC-another'])
      await world.admin(
        `insert into webhook_receipts (delivery_key, provider, kind, external_id, status, payload, accounts)
         values ($1, 'twilio', 'call', $2, 'unmatched', '{}', array[$2])`,
        [randomUUID(), named],
      )
    expect(await run('confirm', id)).toEqual({ code: 0, out: ['confirmed; 1 delivery that waited for it'], err: [] })
    expect(await standings()).toEqual([{ tenant_id: acme, standing: 'confirmed' }])
    expect(await world.admin('select external_id, tenant_id, status, drain from webhook_receipts order by 1')).toEqual([
      { external_id: 'AC-another', tenant_id: null, status: 'unmatched', drain: false },
      { external_id: account, tenant_id: acme, status: 'received', drain: true },
    ])
    expect(await run('confirm', id)).toEqual({ code: 3, out: [], err: ['the claim is not pending'] })
  })

  it('rejects one, so that whose account it is can claim it', async () => {
    const { id } = await claim('borealisLead')
    await expect(claim()).rejects.toMatchObject({ code: 'integration_taken' })
    expect(await run('reject', id)).toEqual({ code: 0, out: ['removed'], err: [] })
    await claim()
    expect(await standings()).toEqual([{ tenant_id: acme, standing: 'pending' }])
  })

  it('touches no claim that counts, and says what is wrong', async () => {
    await world.admin(`insert into integrations (id, tenant_id, provider, account) values ($1, $2, 'twilio', $3)`, [
      borealis,
      borealis,
      account,
    ])
    expect(await run('reject', borealis)).toEqual({ code: 3, out: [], err: ['the claim is not pending'] })
    for (const id of [randomUUID(), 'x'])
      expect(await run('confirm', id)).toEqual({ code: 3, out: [], err: ['there is no such claim'] })
    for (const args of [[], ['confirm'], ['list', 'x'], ['constructor'], ['confirm', 'a', 'b']])
      expect(await run(...args)).toEqual({ code: 2, out: [], err: [claimsUsage] })
    expect(await run('--help')).toEqual({ code: 0, out: [claimsUsage], err: [] })
    expect(await standings()).toHaveLength(1)
  })

  it('says that the database is away', async () => {
    const err: string[] = []
    const output = { out: () => undefined, err: (line: string) => void err.push(line) }
    expect(await claimsCommand(['list'], () => 'postgres://x@127.0.0.1:1/x', output)).toBe(1)
    expect(err).toEqual([expect.stringMatching(/^claims list: /)])
  })
})
