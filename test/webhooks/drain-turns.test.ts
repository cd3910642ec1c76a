import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createReceiptCipher } from '../../src/store/receipt-cipher.js'
import { createWebhookReceipts } from '../../src/store/webhook-receipts.js'
import { createCallStore } from '../../src/store/calls.js'
import { acme, actors, borealis } from '../store/world.js'
import { startEngine, type TestEngine } from './harness.js'
import { leaving, livekitEnv } from './livekit-sender.js'
import { phoneEnv } from './phone.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({ worker: false, env: { ...phoneEnv, ...livekitEnv, DEV_ACCEPT_UNSIGNED: 'true' } })
})
afterAll(() => engine.close())
afterEach(async () => {
  await engine.admin('delete from webhook_receipts')
  await engine.admin('delete from integrations')
})

const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString()
const json = (body: object) => JSON.stringify(body)

interface Sender {
  provider: string
  path: string
  of: (n: string, tenant: string) => string
}

const account: Record<string, string> = { [acme]: 'AC-acme', [borealis]: 'AC-borealis' }
const number: Record<string, string> = { [acme]: '+15005550006', [borealis]: '+15005550007' }
const callOf = (sid: string, AccountSid: string, To: string) =>
  form({
    CallSid: sid,
    AccountSid,
    To,
    From: '+15005550999',
    Direction: 'inbound',
    CallStatus: 'completed',
    SequenceNumber: '2',
  })

const senders: Record<string, Sender> = {
  'a call of Twilio, by its account': {
    provider: 'twilio',
    path: '/webhooks/twilio/recording',
    of: (n, tenant) =>
      form({
        RecordingSid: `RE${n}`,
        CallSid: `CA${n}`,
        AccountSid: account[tenant] ?? '',
        RecordingStatus: 'completed',
      }),
  },
  'a call of Twilio, by its number in one account of both': {
    provider: 'twilio',
    path: '/webhooks/twilio/call',
    of: (n, tenant) => callOf(`CA${n}`, 'AC-shared', number[tenant] ?? ''),
  },
  'a text message of Twilio': {
    provider: 'twilio',
    path: '/webhooks/twilio/sms',
    of: (n, tenant) =>
      form({
        MessageSid: `SM${n}`,
        AccountSid: 'AC-shared',
        From: number[tenant] ?? '',
        To: '+15005550999',
        MessageStatus: 'sent',
      }),
  },
  'a call of CallRail': {
    provider: 'callrail',
    path: '/webhooks/callrail/call-complete',
    of: (n, tenant) =>
      json({ resource_id: `CAL${n}`, company_resource_id: account[tenant], tracking_phone_number: number[tenant] }),
  },
  'a call of Bland': {
    provider: 'bland',
    path: '/webhooks/bland',
    of: (n, tenant) =>
      json({ call_id: `BL${n}`, status: 'completed', completed: true, metadata: { tenant_id: tenant } }),
  },
  'a job of the partner': {
    provider: 'uwc',
    path: '/webhooks/uwc/asr/complete',
    of: (n, tenant) => json({ job_id: `job${n}`, company_id: tenant, status: 'completed' }),
  },
  'a change at Clerk': {
    provider: 'clerk',
    path: '/webhooks/clerk',
    of: (n, tenant) =>
      json({
        type: 'organizationMembership.created',
        event_id: n,
        data: { organization: { id: `org_${account[tenant]}` } },
      }),
  },
  'a conversation of ElevenLabs, by its agent': {
    provider: 'elevenlabs',
    path: '/webhooks/elevenlabs',
    of: (n, tenant) =>
      json({ type: 'post_call_transcription', data: { conversation_id: `conv${n}`, agent_id: account[tenant] } }),
  },
  'a room of LiveKit': {
    provider: 'livekit',
    path: '/webhooks/livekit',
    of: (n, tenant) => json({ ...leaving(`${account[tenant]}-room-${Number(n) % 3}`), id: `EV${n}` }),
  },
}

/** As receipts that nobody has taken, in this order. */
async function leave({ provider, path, of }: Sender, tenants: readonly string[]): Promise<void> {
  const { parse } = engine.engine.registry.all.find(({ name }) => name === provider) ?? {}
  const url = new URL(path, 'http://localhost')
  const receipts = createWebhookReceipts({ database: engine.database, cipher: createReceiptCipher([]) })
  await receipts.insert(
    tenants.map((tenant, n) => {
      const delivery = parse?.(Buffer.from(of(String(n).padStart(32, '0'), tenant)), {}, url, {})
      if (!delivery) throw new Error(`no ${provider}`)
      const receivedAt = new Date(Date.now() - 60_000 + n).toISOString()
      return { delivery, drain: true, source: 'spool' as const, count: 1, receivedAt }
    }),
  )
}

describe('a backlog of one company of a provider @integration @multitenant', () => {
  it.each(Object.keys(senders))('does not keep the other one waiting: %s', async (name) => {
    const sender = senders[name] as Sender
    for (const room of [0, 1, 2])
      for (const [tenant, actor] of [
        [acme, actors.acmeLead],
        [borealis, actors.borealisLead],
      ] as const)
        await createCallStore(engine.database).create(actor, {
          provider: 'livekit',
          externalId: `${account[tenant]}-room-${room}`,
          direction: 'inbound',
          from: '+1',
          to: '+2',
          userId: actor.userId,
        })
    await leave(sender, [...Array.from({ length: 200 }, () => acme), borealis])
    const [last] = await engine.receipts(`delivery_key like '%${'200'.padStart(32, '0')}%'`)
    expect(last?.id).toBeDefined()
    expect(await engine.engine.activityDeps.drain.next(2)).toContain(last?.id)
  })

  it('of many numbers, all of them claimed, is one company’s', async () => {
    for (let n = 0; n < 50; n++)
      await engine.admin(`insert into integrations (tenant_id, provider, account) values ($1, 'twilio', $2)`, [
        acme,
        `+150055510${n + 10}`,
      ])
    const sender: Sender = {
      provider: 'twilio',
      path: '/webhooks/twilio/call',
      of: (n, tenant) =>
        callOf(`CA${n}`, 'AC-shared', tenant === acme ? `+150055510${(Number(n) % 50) + 10}` : '+15005550007'),
    }
    await leave(sender, [...Array.from({ length: 200 }, () => acme), borealis])
    const [last] = await engine.receipts(`delivery_key like '%${'200'.padStart(32, '0')}%'`)
    expect(await engine.engine.activityDeps.drain.next(2)).toContain(last?.id)
  })
})
