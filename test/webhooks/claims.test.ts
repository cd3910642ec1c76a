import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createIntegrationStore } from '../../src/store/integrations.js'
import { acme, actors, borealis } from '../store/world.js'
import { startEngine, type TestEngine } from './harness.js'
import { phoneEnv, postSigned, postTwilio } from './phone.js'
import { send, standardHeaders, webhookSecret } from './signed.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({
    worker: false,
    env: { ...phoneEnv, CLERK_WEBHOOK_SECRET: webhookSecret, WEBHOOK_ACK_MS: '500' },
  })
})
afterAll(() => engine.close())
afterEach(() => engine.admin('delete from integrations'))

const claims = (accountsCountAtOnce: boolean) =>
  createIntegrationStore(engine.database, { rules: { reserved: [], accountsCountAtOnce } })
let n = 0
const sid = (prefix: string) => `${prefix}${String(++n).padStart(32, '0')}`
const account = 'AC00000000000000000000000000000001'
const company = 'COM00000000000000000000000000000001'
const ours = '+15005550006'

const twilioCall = (callSid: string) =>
  postTwilio(engine, '/webhooks/twilio/call', {
    CallSid: callSid,
    AccountSid: account,
    From: '+15005550999',
    To: ours,
    Direction: 'inbound',
    CallStatus: 'completed',
    CallbackSource: 'call-progress-events',
    SequenceNumber: '2',
  })
const twilioText = (messageSid: string) =>
  postTwilio(engine, '/webhooks/twilio/sms', {
    MessageSid: messageSid,
    SmsStatus: 'received',
    AccountSid: account,
    From: '+15005550999',
    To: ours,
    Body: 'for Acme alone',
  })
const callrailCall = (id: string) =>
  postSigned(
    engine,
    'callrail',
    '/webhooks/callrail/call-complete',
    JSON.stringify({
      resource_id: id,
      company_resource_id: company,
      tracking_phone_number: ours,
      start_time: '2026-03-31T10:00:00Z',
      answered: true,
    }),
  )

const ownerOf = async (table: 'call_logs' | 'messages', externalId: string) =>
  (
    await engine.admin<{ tenant_id: string }>(`select tenant_id from ${table} where external_id = $1`, [externalId])
  ).map(({ tenant_id }) => (tenant_id === acme ? 'acme' : tenant_id === borealis ? 'borealis' : tenant_id))
/** Whose a call, a text message and a call at CallRail become. */
async function owners(): Promise<string[]> {
  const [call, message, other] = [sid('CA'), sid('SM'), sid('CAL')]
  await twilioCall(call)
  await twilioText(message)
  await callrailCall(other)
  return [
    ...(await ownerOf('call_logs', call)),
    ...(await ownerOf('messages', message)),
    ...(await ownerOf('call_logs', other)),
  ]
}

describe('claims of two companies on one event @integration @multitenant', () => {
  it('a number goes before an account, whichever was claimed first', async () => {
    const store = claims(true)
    for (const provider of ['twilio', 'callrail'] as const) {
      await store.add(actors.borealisLead, { provider, account: provider === 'twilio' ? account : company })
      await store.add(actors.acmeLead, { provider, account: ours })
    }
    expect(await owners()).toEqual(['acme', 'acme', 'acme'])
  })

  it('an account that the operator has not confirmed takes nothing, not even what nobody claims', async () => {
    const store = claims(false)
    await store.add(actors.borealisLead, { provider: 'twilio', account })
    await store.add(actors.borealisLead, { provider: 'callrail', account: company })
    expect(await owners()).toEqual([])
    await engine.admin(`update integrations set standing = 'confirmed'`)
    expect(await owners()).toEqual(['borealis', 'borealis', 'borealis'])
  })

  it('a confirmed account goes before a number that somebody only claims', async () => {
    await engine.admin(
      `insert into integrations (tenant_id, provider, account) values ($1, 'twilio', $2), ($1, 'callrail', $3)`,
      [acme, account, company],
    )
    for (const provider of ['twilio', 'callrail'] as const)
      await claims(false).add(actors.borealisLead, { provider, account: ours })
    expect(await owners()).toEqual(['acme', 'acme', 'acme'])
    await engine.admin(`update integrations set standing = 'confirmed' where account = $1`, [ours])
    expect(await owners()).toEqual(['borealis', 'borealis', 'borealis'])
  })
})

describe('an organisation of Clerk @integration @multitenant', () => {
  it('is what its own events make of it: nobody has claimed it before', async () => {
    await expect(
      claims(true).add(actors.borealisLead, { provider: 'clerk', account: 'org_victim' }),
    ).rejects.toMatchObject({ status: 422, errors: [{ pointer: '/provider' }] })
    const body = JSON.stringify({
      type: 'organizationMembership.created',
      timestamp: Date.now(),
      data: {
        role: 'org:admin',
        updated_at: Date.now(),
        organization: { id: 'org_victim', name: 'Victim Inc' },
        public_user_data: { user_id: 'user_v', identifier: 'ceo@victim.example' },
      },
    })
    await send(`${engine.app.url}/webhooks/clerk`, body, standardHeaders(body, { id: 'msg_1', prefix: 'svix' }))
    const [owner] = await engine.admin(
      `select c.name, u.role from users u join companies c on c.id = u.company_id where u.clerk_user_id = 'user_v'`,
    )
    expect(owner).toEqual({ name: 'Victim Inc', role: 'leadership' })
  })
})
