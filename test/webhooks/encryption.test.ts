import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createReceiptCipher } from '../../src/store/receipt-cipher.js'
import { anEvent, eventually } from './harness.js'
import { type Repair, startRepair } from './repair-harness.js'

const keys = [
  { id: 'new', key: randomBytes(32).toString('base64') },
  { id: 'old', key: randomBytes(32).toString('base64') },
]
const env = { ENCRYPTION_KEYS: keys.map(({ id, key }) => `${id}:${key}`).join(',') }
const envelope = Buffer.from('\0PRLY')
const said = 'Mrs Luxemburg called'

describe('payloads at rest @integration', () => {
  let repair: Repair
  beforeAll(async () => {
    repair = await startRepair({ env })
  })
  afterAll(() => repair.close())

  const transcript = async () => {
    const session = await repair.session()
    const properties = { transcript: [{ role: 'user', content: said }] }
    return { session, event: anEvent(session.conversationId, 'application.transcription_ready', properties) }
  }
  const receiptOf = async (sessionId: string) => {
    const [row] = await repair.receipts('session_id = $1', [sessionId])
    if (!row) throw new Error('there is no receipt')
    return row
  }

  it('are encrypted with the first key, and processed as they came', async () => {
    const { session, event } = await transcript()
    expect((await repair.post(session.sessionId, event)).body.status).toBe('processed')
    const { payload, delivery_key } = await receiptOf(session.sessionId)
    expect(payload.subarray(0, 5)).toEqual(envelope)
    expect([payload.includes('new'), payload.includes('Luxemburg')]).toEqual([true, false])
    expect(createReceiptCipher(keys).open(payload, delivery_key).toString()).toContain(said)
    expect((await repair.sessionRow(session.sessionId))?.transcript).toMatchObject([{ content: said }])
  })

  it('are read whichever key, or none, they were stored under', async () => {
    for (const cipher of [createReceiptCipher([]), createReceiptCipher(keys.slice(1))]) {
      const { id, session, row } = await repair.failed()
      const bytes = createReceiptCipher(keys).open(row.payload, row.delivery_key)
      await repair.admin('update webhook_receipts set payload = $1 where id = $2', [
        cipher.seal(bytes, row.delivery_key),
        id,
      ])
      repair.failing.delete(session.conversationId)
      const shown = (await repair.ask('acmeLead', 'GET', `/${id}`)).body
      expect(shown.payload).toMatchObject({ format: 'json', body: { conversation_id: session.conversationId } })
      expect((await repair.ask('acmeLead', 'POST', `/${id}/replay`)).body).toMatchObject({ status: 'processed' })
    }
  })

  it('fail clearly, and by our fault, when their key is gone; and succeed once it is back', async () => {
    const { id, session, row } = await repair.failed()
    const bytes = createReceiptCipher(keys).open(row.payload, row.delivery_key)
    const lost = createReceiptCipher([{ id: 'lost', key: randomBytes(32).toString('base64') }])
    const store = (payload: Buffer) =>
      repair.admin('update webhook_receipts set payload = $1 where id = $2', [payload, id])
    await store(lost.seal(bytes, row.delivery_key))
    repair.failing.delete(session.conversationId)
    expect((await repair.ask('acmeLead', 'POST', `/${id}/replay`)).body).toEqual({
      id,
      status: 'failed',
      error: 'encryption_key_unknown',
      fault: 'ours',
    })
    expect((await repair.ask('acmeLead', 'GET', `/${id}`)).body).toMatchObject({
      error: 'encryption_key_unknown',
      payload: { format: 'unreadable', bytes: null, body: null },
    })
    await store(row.payload)
    expect((await repair.ask('acmeLead', 'POST', `/${id}/replay`)).body).toMatchObject({ status: 'processed' })
  })

  it('are encrypted in the spool too, and brought in as they are', async () => {
    const { session, event } = await transcript()
    await repair.link.cut()
    const answer = await repair.post(session.sessionId, event)
    expect(answer).toMatchObject({ status: 202, body: { status: 'accepted' } })
    const folder = join(repair.dataDir, 'spool')
    const [file = ''] = await readdir(folder)
    const line = await readFile(join(folder, file), 'utf8')
    const { payload, sealed } = JSON.parse(line) as { payload: string; sealed: boolean }
    expect([sealed, Buffer.from(payload, 'base64').subarray(0, 5)]).toEqual([true, envelope])
    await repair.link.mend()
    repair.engine.background.start()
    await eventually(async () => (await receiptOf(session.sessionId).catch(() => undefined))?.status === 'processed')
    expect((await receiptOf(session.sessionId)).payload.toString('base64')).toBe(payload)
    expect((await repair.sessionRow(session.sessionId))?.transcript).toMatchObject([{ content: said }])
  })
})
