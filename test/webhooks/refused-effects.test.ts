import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from './harness.js'
import { kinds } from './kinds.js'
import { openLedger } from './ledger.js'
import { connectPhones } from './phone.js'
import { type Repair, startRepair } from './repair-harness.js'
import { createSabotage, type Sabotage } from './sabotage.js'
import { deliver, wireEnv } from './wire.js'

let repair: Repair
let sabotage: Sabotage
beforeAll(async () => {
  repair = await startRepair({ env: { ...wireEnv, WEBHOOK_ACK_MS: '10000' } })
  await connectPhones(repair)
  sabotage = await createSabotage(repair)
})
afterAll(() => repair.close())

/** One of every table that effects go to, and of every provider. */
const some = new Set([
  'tavus system.shutdown',
  'elevenlabs post_call_transcription',
  'livekit participant_left',
  'twilio call.status',
  'twilio sms.received',
  'callrail call-complete',
  'clerk organizationMembership.created',
  'bland post-call',
  'uwc asr/complete',
])
const chosen = kinds.filter(({ name }) => some.has(name))

const isClosed = (key: string) =>
  eventually(async () => {
    const { status } = await repair.client.workflow.getHandle(`webhook/${key}`).describe()
    return status.name === 'FAILED'
  })

/** Delivers an event whose effect the database refuses. */
async function failed(kind: (typeof kinds)[number]) {
  const told = await kind.make(repair)
  const [ledger, row] = [await openLedger(repair), await told.row()]
  await sabotage.mark(told.mark)
  const { status, text } = await deliver(repair, told.message)
  expect([status, text]).toEqual([500, expect.stringContaining('webhook_failed')])
  const [receipt] = await ledger.receipts()
  expect(receipt).toMatchObject({
    status: 'failed',
    tries: 5,
    error: 'the database refused it: P0001',
    error_side: 'ours',
  })
  expect(await ledger.log()).toEqual([])
  expect(await told.row()).toEqual(row)
  await isClosed(receipt?.delivery_key ?? '')
  await sabotage.forgive()
  return { told, ledger, id: receipt?.id ?? '' }
}

describe('@integration @idempotency a webhook whose effect the database refuses', () => {
  it.each(chosen)('is an error, and succeeds when it is sent again: $name', async (kind) => {
    const { told, ledger } = await failed(kind)
    expect((await deliver(repair, told.message)).said).toBe('processed')
    expect((await ledger.receipts()).map(({ status }) => status).sort()).toEqual(['failed', 'processed'])
    expect(await told.row()).toMatchObject(told.expected)
    expect(await ledger.log()).toEqual(told.log)
    expect((await deliver(repair, told.message)).said).toBe('duplicate_ignored')
    expect(await ledger.log()).toEqual(told.log)
  })

  // LiveKit names no company: its failed receipts are nobody's to replay.
  it.each(chosen.filter(({ name }) => !name.startsWith('livekit')))(
    'is an error, and succeeds when it is replayed: $name',
    async (kind) => {
      const { told, ledger, id } = await failed(kind)
      const replayed = await repair.ask('acmeLead', 'POST', `/${id}/replay`)
      expect(replayed).toMatchObject({ status: 200, body: { id, status: 'processed', error: null } })
      expect((await deliver(repair, told.message)).said).toBe('duplicate_ignored')
      expect(await ledger.receipts()).toMatchObject([{ id, status: 'processed', attempts: 2 }])
      expect(await told.row()).toMatchObject(told.expected)
      expect(await ledger.log()).toEqual(told.log)
    },
  )
})
