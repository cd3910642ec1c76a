import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acme, aSession, borealis } from '../store/world.js'
import { anEvent, shutdown } from '../webhooks/harness.js'
import { type Repair, startRepair } from '../webhooks/repair-harness.js'

let repair: Repair
beforeAll(async () => {
  repair = await startRepair()
})
afterAll(() => repair.close())

interface Row {
  id: string
  status: string
  external_id: string
  received_at: string
}
const list = async (query = '', as = 'acmeLead') => {
  const { status, body } = await repair.ask(as, 'GET', query)
  expect(status).toBe(200)
  return body.items as Row[]
}

/** A receipt as the table has it, for what a list is to find. */
const insert = async (changes: Record<string, unknown> = {}) => {
  const row = {
    delivery_key: `twilio/${randomUUID()}`,
    provider: 'twilio',
    kind: 'call',
    external_id: 'CA1',
    tenant_id: acme,
    status: 'processed',
    payload: Buffer.from('{}'),
    headers: '{}',
    received_at: '2026-01-05T10:00:00.000Z',
    ...changes,
  }
  const names = Object.keys(row)
  const [made] = await repair.admin<{ id: string }>(
    `insert into webhook_receipts (${names.join(', ')}) values (${names.map((_, n) => `$${n + 1}`).join(', ')}) returning id`,
    Object.values(row),
  )
  return made?.id ?? ''
}

describe('GET /webhooks/deliveries @integration', () => {
  it('pages through all of them, newest first, where several have one time', async () => {
    const made = []
    for (let n = 0; n < 7; n++)
      made.push(await insert({ external_id: 'CA-page', received_at: `2026-01-05T10:00:0${n >> 1}.123456Z` }))
    const found: Row[] = []
    for (let cursor = ''; ;) {
      const { body } = await repair.ask('acmeLead', 'GET', `?external_id=CA-page&limit=2${cursor}`)
      found.push(...(body.items as Row[]))
      if (body.next_cursor === null) break
      cursor = `&cursor=${body.next_cursor}`
    }
    const times = found.map(({ received_at }) => received_at)
    expect(times).toEqual([...times].sort().reverse())
    expect(found.map(({ id }) => id).sort()).toEqual(made.sort())
  })

  it('filters by provider, status, external id and time', async () => {
    const base = { external_id: 'CA-filter' }
    const one = await insert({ ...base, provider: 'callrail', received_at: '2026-02-01T00:00:00Z' })
    const two = await insert({ ...base, status: 'failed', received_at: '2026-02-02T00:00:00Z' })
    const three = await insert({ ...base, received_at: '2026-02-03T00:00:00Z' })
    const ids = async (query: string) => (await list(`?external_id=CA-filter&${query}`)).map(({ id }) => id)
    expect(await ids('provider=callrail')).toEqual([one])
    expect(await ids('status=failed')).toEqual([two])
    expect(await ids('from=2026-02-02T00:00:00Z')).toEqual([three, two])
    expect(await ids('to=2026-02-02T00:00:00Z')).toEqual([one])
    expect(await ids('from=2026-02-02T01:00:00%2B01:00&to=2026-02-03T00:00:00Z')).toEqual([two])
  })

  it.each([
    ['status=lost', 'query/status'],
    ['from=yesterday', 'query/from'],
    ['to=0000-01-01T00:00:00Z', 'query/to'],
    ['cursor=abc', 'query/cursor'],
    ['limit=101', 'query/limit'],
    ['tenant=1', 'query/tenant'],
  ])('answers 422 for %s', async (query, pointer) => {
    expect(await repair.ask('acmeLead', 'GET', `?${query}`)).toMatchObject({
      status: 422,
      body: { errors: [{ pointer }] },
    })
  })
})

describe('GET /webhooks/deliveries/:id @integration', () => {
  it('says what came, and masks who it was and what was said', async () => {
    const session = await repair.session()
    const transcript = [{ role: 'user', content: 'I am Rosa Luxemburg' }]
    const event = anEvent(session.conversationId, 'application.transcription_ready', {
      transcript,
      email: 'rosa@x.test',
    })
    await repair.post(session.sessionId, event)
    const [row] = await repair.receipts('session_id = $1', [session.sessionId])
    const { status, body, headers } = await repair.ask('acmeLead', 'GET', `/${row?.id}`)
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toMatchObject({
      id: row?.id,
      provider: 'tavus',
      kind: 'application.transcription_ready',
      external_id: session.conversationId,
      delivery_key: row?.delivery_key,
      session_id: session.sessionId,
      status: 'processed',
      source: 'delivery',
      attempts: 1,
      tries: 0,
      error: null,
      fault: null,
      next_attempt_at: null,
      headers: { 'content-type': 'application/json' },
      payload: {
        format: 'json',
        bytes: row?.payload.length,
        body: {
          event_type: 'application.transcription_ready',
          conversation_id: session.conversationId,
          properties: { transcript: '[redacted]', email: '[redacted]' },
        },
      },
    })
    expect(body.first_processed_at).toBe(row?.first_processed_at?.toISOString())
    expect(JSON.stringify(body)).not.toMatch(/Rosa|rosa/)
  })

  it('shows the time that a message was signed for, which is no telephone number', async () => {
    const headers = JSON.stringify({
      'svix-timestamp': '1795256083',
      'webhook-timestamp': '1795256084',
      'x-phone': '1795256083',
    })
    const id = await insert({ provider: 'clerk', headers })
    expect((await repair.ask('acmeLead', 'GET', `/${id}`)).body.headers).toEqual({
      'svix-timestamp': '1795256083',
      'webhook-timestamp': '1795256084',
      'x-phone': '[phone]',
    })
  })

  it.each([
    ['?provider=nope', 'query/provider', /^must be one of "tavus"/],
    ['?from=2026-02-02T00:00:00Z&to=2026-02-01T00:00:00Z', 'query/to', /^must be later than from$/],
    ['?from=2026-02-02T00:00:00Z&to=2026-02-02T00:00:00Z', 'query/to', /^must be later than from$/],
    ['?from=yesterday', 'query/from', /^must be a time with its zone, such as 2026-11-21T09:30:00Z$/],
    ['?external_id=', 'query/external_id', /^must not be empty$/],
    ['?limit=0', 'query/limit', /^must be at least 1$/],
    ['?limit=101', 'query/limit', /^must be at most 100$/],
    ['?limit=x', 'query/limit', /^must be a number$/],
  ])('refuses %s in plain words', async (query, pointer, detail) => {
    const { status, body } = await repair.ask('acmeLead', 'GET', query)
    expect(status).toBe(422)
    expect(body.errors).toEqual([{ pointer, detail: expect.stringMatching(detail) as string }])
    expect(body.detail).toBe(`${pointer}: ${body.errors[0].detail}`)
  })

  it('masks a form', async () => {
    const form = new URLSearchParams({
      CallSid: 'CA1',
      From: '+14155550100',
      To: 'client:rosa',
      Body: 'call Rosa',
      CallerName: 'ROSA',
      FromCity: 'Berlin',
      CallStatus: 'completed',
      AuthToken: 'xyz',
    })
    const headers = JSON.stringify({ 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' })
    const id = await insert({ payload: Buffer.from(form.toString()), headers })
    const { payload } = (await repair.ask('acmeLead', 'GET', `/${id}`)).body
    expect(payload).toEqual({
      format: 'form',
      bytes: form.toString().length,
      body: {
        CallSid: 'CA1',
        CallStatus: 'completed',
        ...Object.fromEntries(
          ['From', 'To', 'Body', 'CallerName', 'FromCity', 'AuthToken'].map((name) => [name, '[redacted]']),
        ),
      },
    })
  })

  it('shows nothing of what is neither JSON nor a form', async () => {
    const id = await insert({ payload: Buffer.from('<xml>Rosa</xml>') })
    expect((await repair.ask('acmeLead', 'GET', `/${id}`)).body.payload).toEqual({
      format: 'other',
      bytes: 15,
      body: null,
    })
  })

  it('says why one came to nothing, and whose fault it is', async () => {
    const ours = await repair.failed()
    expect((await repair.ask('acmeLead', 'GET', `/${ours.id}`)).body).toMatchObject({
      status: 'failed',
      tries: 5,
      error: expect.stringMatching(/^TypeError at /),
      fault: 'ours',
    })
    const session = await repair.session()
    await repair.post(session.sessionId, shutdown('c-of-another-session'))
    const [row] = await repair.receipts('session_id = $1', [session.sessionId])
    expect((await repair.ask('acmeLead', 'GET', `/${row?.id}`)).body).toMatchObject({
      status: 'unmatched',
      error: 'the conversation is not the one of the session',
      fault: 'theirs',
    })
  })
})

describe('deliveries @multitenant', () => {
  it('are seen by their company only, those of no company by nobody', async () => {
    const mine = await repair.failed()
    const theirs = await repair.failed(borealis)
    const { sessionId, conversationId } = aSession()
    await repair.post(sessionId, shutdown(conversationId))
    const [nobodys] = await repair.receipts('session_id = $1', [sessionId])
    expect(nobodys).toMatchObject({ status: 'waiting', tenant_id: null })

    const seen = (await list('?limit=100')).map(({ id }) => id)
    expect(seen).toContain(mine.id)
    expect(seen).not.toContain(theirs.id)
    expect(seen).not.toContain(nobodys?.id)
    expect((await list('', 'borealisLead')).map(({ id }) => id)).toEqual([theirs.id])

    for (const id of [theirs.id, nobodys?.id, randomUUID()]) {
      expect((await repair.ask('acmeLead', 'GET', `/${id}`)).status).toBe(404)
      expect(await repair.ask('acmeLead', 'POST', `/${id}/replay`)).toMatchObject({ status: 404 })
    }
    expect(await repair.rowOf(theirs.id)).toMatchObject({ status: 'failed', tries: 5 })
    expect(await repair.rowOf(nobodys?.id ?? '')).toMatchObject({ status: 'waiting' })
  })

  it('are leadership’s', async () => {
    const { id } = await repair.failed()
    for (const who of ['acmeRep', 'csr'])
      for (const [method, path, body] of [
        ['GET', ''],
        ['GET', `/${id}`],
        ['POST', `/${id}/replay`],
        ['POST', '/replays', { dry_run: true }],
        ['GET', `/replays/${id}`],
        ['POST', `/replays/${id}/cancel`],
      ] as const)
        expect(await repair.ask(who, method, path, body)).toMatchObject({ status: 403, body: { code: 'role_missing' } })
    expect((await repair.ask('nobody', 'GET', '')).status).toBe(401)
  })
})
