import { createHmac, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { integrationRoutes } from '../../src/http/routes/integrations.js'
import { createCallStore } from '../../src/store/calls.js'
import { createIntegrationStore } from '../../src/store/integrations.js'
import { startApp, type TestApp, tokenFor } from '../http/harness.js'
import { aCall } from '../store/call-world.js'
import { acme, actors, borealis } from '../store/world.js'
import { call } from '../support/client.js'
import { eventually } from './harness.js'
import { livekitEnv, sendLivekit } from './livekit-sender.js'
import { phoneEnv, postTwilio } from './phone.js'
import { type Repair, startRepair } from './repair-harness.js'

const elevenLabsSecret = 'wsec_of_these_tests'
let repair: Repair
let app: TestApp
const tokens: Record<string, string> = {}
beforeAll(async () => {
  repair = await startRepair({ env: { ...phoneEnv, ...livekitEnv, ELEVENLABS_WEBHOOK_SECRET: elevenLabsSecret } })
  const integrations = createIntegrationStore(repair.database, {
    adopted: repair.engine.wakeDrain,
    rules: { reserved: [], accountsCountAtOnce: true },
  })
  app = await startApp({ routes: integrationRoutes({ integrations }) })
  for (const [name, { tenantId, userId, role }] of Object.entries(actors))
    tokens[name] = await tokenFor({ sub: userId, company_id: tenantId, role })
})
afterAll(async () => {
  await app.stop()
  await repair.close()
})

const hex = () => randomUUID().replaceAll('-', '')
const callOf = (AccountSid: string, CallSid = `CA${hex()}`) => ({
  CallSid,
  AccountSid,
  From: '+15005550010',
  To: '+15005559999',
  Direction: 'inbound',
  CallStatus: 'completed',
  CallDuration: '5',
  SequenceNumber: '0',
})
const send = (fields: Record<string, string>) => postTwilio(repair, '/webhooks/twilio/call', fields)
const rowOf = async (externalId: string) => (await repair.receipts('external_id = $1', [externalId]))[0]
const statusOf = async (externalId: string) => (await rowOf(externalId))?.status
const claim = (as: string, provider: string, account: string) =>
  call(`${app.url}/integrations`, { method: 'POST', token: tokens[as], body: { provider, account } })
const seenBy = async (as: string, externalId: string) =>
  (await repair.ask(as, 'GET', `?external_id=${externalId}`)).body.items as Record<string, unknown>[]
const outcomes = (externalId: string) =>
  repair.admin<object>('select tenant_id, outcome from call_logs where external_id = $1', [externalId])

/** It has waited for as long as anything is waited for. */
async function parked(externalId: string): Promise<void> {
  await eventually(async () => (await statusOf(externalId)) === 'waiting')
  await repair.admin(
    `update webhook_receipts set waiting_since = now() - interval '1 day', next_attempt_at = now() where external_id = $1`,
    [externalId],
  )
  await repair.wakeDrain()
  await eventually(async () => (await statusOf(externalId)) === 'unmatched')
}

describe('events of an account that nobody has claimed @integration @multitenant', () => {
  it('that are parked are the company’s that claims it, and are taken at once, once', async () => {
    const [account, other] = [`AC${hex()}`, `AC${hex()}`]
    const [fields, alien] = [callOf(account), callOf(other)]
    expect((await send(fields)).said).toBe('accepted')
    await send(alien)
    await parked(fields.CallSid)
    await parked(alien.CallSid)
    expect(await rowOf(fields.CallSid)).toMatchObject({ tenant_id: null, accounts: ['+15005559999', account] })
    expect(await seenBy('acmeLead', fields.CallSid)).toEqual([])

    expect((await claim('acmeLead', 'twilio', account)).status).toBe(201)
    await eventually(async () => (await statusOf(fields.CallSid)) === 'processed')
    expect(await outcomes(fields.CallSid)).toEqual([{ tenant_id: acme, outcome: 'completed' }])
    expect(await seenBy('acmeLead', fields.CallSid)).toMatchObject([{ status: 'processed', error: null }])
    expect(await seenBy('borealisLead', fields.CallSid)).toEqual([])
    expect((await send(fields)).said).toBe('duplicate_ignored')
    expect(await rowOf(alien.CallSid)).toMatchObject({ status: 'unmatched', tenant_id: null })
  })

  it('that wait are taken at once, and by a change of the account as well', async () => {
    const [first, second] = [`AC${hex()}`, `AC${hex()}`]
    const made = await claim('borealisLead', 'twilio', first)
    const fields = callOf(second)
    await send(fields)
    await eventually(async () => (await statusOf(fields.CallSid)) === 'waiting')
    await repair.admin(
      `update webhook_receipts set next_attempt_at = now() + interval '1 hour' where external_id = $1`,
      [fields.CallSid],
    )
    const changed = await call(`${app.url}/integrations/${made.body.id}`, {
      method: 'PATCH',
      token: tokens.borealisLead,
      body: { account: second },
    })
    expect(changed.status).toBe(200)
    await eventually(async () => (await statusOf(fields.CallSid)) === 'processed')
    expect(await outcomes(fields.CallSid)).toEqual([{ tenant_id: borealis, outcome: 'completed' }])
  })

  it('that failed are seen by whoever claims it, and may be replayed', async () => {
    const account = `AC${hex()}`
    const fields = callOf(account)
    repair.failing.set(fields.CallSid, () => new TypeError('a bug'))
    await send(fields)
    await eventually(async () => {
      await repair.admin('update webhook_receipts set next_attempt_at = now() where external_id = $1', [fields.CallSid])
      await repair.wakeDrain()
      return (await statusOf(fields.CallSid)) === 'failed'
    })
    // Nothing could be read of it: nobody can ever claim it.
    expect(await rowOf(fields.CallSid)).toMatchObject({ tenant_id: null, accounts: null })
    repair.failing.delete(fields.CallSid)

    const known = callOf(account)
    await send(known)
    await parked(known.CallSid)
    await repair.admin(`update webhook_receipts set status = 'failed', error = 'x' where external_id = $1`, [
      known.CallSid,
    ])
    await claim('acmeLead', 'twilio', account)
    const [seen] = await seenBy('acmeLead', known.CallSid)
    expect(seen).toMatchObject({ status: 'failed' })
    expect(await repair.ask('acmeLead', 'POST', `/${String(seen?.id)}/replay`)).toMatchObject({
      status: 200,
      body: { status: 'processed' },
    })
  })

  it('are left alone while the claim is pending, and come with the operator’s word', async () => {
    const fields = callOf(`AC${hex()}`)
    await send(fields)
    await parked(fields.CallSid)
    const strict = createIntegrationStore(repair.database, { adopted: repair.engine.wakeDrain })
    const { id } = await strict.add(actors.borealisLead, { provider: 'twilio', account: fields.AccountSid })
    expect(await rowOf(fields.CallSid)).toMatchObject({ status: 'unmatched', tenant_id: null })
    await repair.admin(`update integrations set standing = 'confirmed' where id = $1`, [id])
    await strict.change(actors.borealisLead, id, { label: 'Reception' })
    await eventually(async () => (await statusOf(fields.CallSid)) === 'processed')
    expect(await outcomes(fields.CallSid)).toEqual([{ tenant_id: borealis, outcome: 'completed' }])
  })

  it('are left alone when the claim is refused', async () => {
    const account = `AC${hex()}`
    const fields = callOf(account)
    await send(fields)
    await eventually(async () => (await statusOf(fields.CallSid)) === 'waiting')
    // The same number at another provider is another account.
    await repair.admin(`insert into integrations (tenant_id, provider, account) values ($1, 'callrail', $2)`, [
      borealis,
      fields.To,
    ])
    const rep = await call(`${app.url}/integrations`, {
      method: 'POST',
      token: await tokenFor({ sub: actors.acmeRep.userId, company_id: acme, role: 'rep' }),
      body: { provider: 'twilio', account },
    })
    expect(rep.status).toBe(403)
    expect(await claim('acmeLead', 'callrail', fields.To)).toMatchObject({ status: 409 })
    expect(await rowOf(fields.CallSid)).toMatchObject({ status: 'waiting', tenant_id: null })
  })

  it('are adopted in batches, however many there are', async () => {
    const account = `AC${hex()}`
    await repair.admin(
      `insert into webhook_receipts (delivery_key, provider, kind, external_id, status, payload, accounts)
       select 'twilio/bulk/' || $1 || n, 'twilio', 'call.status', 'bulk-' || n, 'unmatched', '\\x00', array[$1]
       from generate_series(1, 2500) as n`,
      [account],
    )
    await claim('acmeLead', 'twilio', account)
    const [left] = await repair.admin<{ n: number }>(
      `select count(*)::int as n from webhook_receipts where external_id like 'bulk-%' and tenant_id is null`,
    )
    expect(left?.n).toBe(0)
    await repair.admin(`delete from webhook_receipts where external_id like 'bulk-%'`)
  })
})

describe('events that name no company @integration @multitenant', () => {
  it('of LiveKit that failed are seen by the leadership of their call', async () => {
    const { row } = await createCallStore(repair.database).create(actors.acmeRep, aCall())
    const id = `EV_${hex()}`
    // An effect that the database refuses.
    await repair.admin(`alter table livekit_call_events add constraint no_such_event check ("eventId" <> '${id}')`)
    await sendLivekit(repair.app.url, { event: 'room_started', id, createdAt: '1', room: { name: row.externalId } })
    await eventually(async () => {
      await repair.admin('update webhook_receipts set next_attempt_at = now() where external_id = $1', [id])
      await repair.wakeDrain()
      return (await statusOf(id)) === 'failed'
    })
    expect(await seenBy('acmeLead', id)).toMatchObject([{ status: 'failed', fault: 'ours' }])
    expect(await seenBy('borealisLead', id)).toEqual([])
  })

  it('of ElevenLabs are seen by the leadership of the agent while nobody knows the conversation', async () => {
    const [agent, conversation] = [`agent_${hex()}`, `conv_${hex()}`]
    await claim('acmeLead', 'elevenlabs', agent)
    const body = JSON.stringify({
      type: 'post_call_transcription',
      event_timestamp: Math.floor(Date.now() / 1000),
      data: { agent_id: agent, conversation_id: conversation, status: 'done', transcript: [], metadata: {} },
    })
    const at = Math.floor(Date.now() / 1000)
    const proof = createHmac('sha256', elevenLabsSecret).update(`${at}.${body}`).digest('hex')
    const answer = await fetch(`${repair.app.url}/webhooks/elevenlabs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'elevenlabs-signature': `t=${at},v0=${proof}` },
      body,
    })
    expect(answer.status).toBe(202)
    await eventually(async () => (await statusOf(conversation)) === 'waiting')
    expect(await seenBy('acmeLead', conversation)).toMatchObject([{ status: 'waiting' }])
    expect(await seenBy('borealisLead', conversation)).toEqual([])
  })
})
