import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Errand } from '../../src/domain/follow-up.js'
import { createBlandClient } from '../../src/providers/bland/client.js'
import { createBlandFollowUps } from '../../src/providers/bland/follow-ups.js'
import { createTransport } from '../../src/providers/request.js'
import { createTwilioFollowUps } from '../../src/providers/twilio/follow-ups.js'
import { readMark } from '../../src/providers/twilio/follow-up-mark.js'
import { createTwilioMessages } from '../../src/providers/twilio/messages-client.js'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

interface Asked {
  method: string
  url: string
  body: string
  authorization: string | undefined
}
interface Told {
  status: number
  body?: unknown
  headers?: Record<string, string>
}

/** A provider that answers as it is told to; undefined hangs up. */
async function provider(answer: (asked: Asked) => Told | undefined) {
  const requests: Asked[] = []
  const server = createServer((request, response) => {
    void (async () => {
      let body = ''
      for await (const chunk of request) body += String(chunk)
      const { method = '', url = '', headers } = request
      const asked = { method, url, body, authorization: headers.authorization }
      requests.push(asked)
      const told = answer(asked)
      if (!told) return request.socket.destroy()
      const text = typeof told.body === 'string' ? told.body : JSON.stringify(told.body ?? {})
      response.writeHead(told.status, { 'content-type': 'application/json', ...told.headers }).end(text)
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const transport = createTransport({ provider: 'test' })
  cleanups.push(async () => {
    await transport.close()
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, transport, server }
}

type Provider = Awaited<ReturnType<typeof provider>>
const publicUrl = 'https://parley.example.com'
const twilioOf = ({ url, transport }: Provider) =>
  createTwilioFollowUps(
    { baseUrl: url, fromNumber: '+15005550006', publicUrl },
    createTwilioMessages({ accountSid: 'AC1', authTokens: ['t', 'old'], baseUrl: url, timeoutMs: 5000 }, transport),
  )
const blandOf = ({ url, transport }: Provider) =>
  createBlandFollowUps(
    { baseUrl: url, publicUrl },
    createBlandClient({ apiKey: 'k', baseUrl: url, timeoutMs: 5000 }, transport),
  )

const errand: Errand = {
  id: '0199a3c2-6d1e-7000-8000-0000000000f1',
  tenantId: '0199a3c2-6d1e-7000-8000-0000000000aa',
  to: '+14155552671',
  body: 'Shall we talk?',
}
const nobodys = () => Promise.resolve(new Set<string>())
const since = Date.parse('2026-11-21T10:00:00Z')

describe('a text message by Twilio @unit', () => {
  it('is asked for with a callback that names the follow-up and its company', async () => {
    const twilio = await provider(() => ({ status: 201, body: { sid: 'SM1', status: 'queued' } }))
    expect(await twilioOf(twilio).send(errand)).toEqual({ state: 'accepted', externalId: 'SM1', from: '+15005550006' })
    const [asked] = twilio.requests
    expect(asked).toMatchObject({ method: 'POST', url: '/2010-04-01/Accounts/AC1/Messages.json' })
    expect(asked?.authorization).toBe(`Basic ${Buffer.from('AC1:t').toString('base64')}`)
    const form = Object.fromEntries(new URLSearchParams(asked?.body))
    const callback = new URL(form.StatusCallback ?? '')
    expect([form.To, form.From, form.Body]).toEqual([errand.to, '+15005550006', errand.body])
    expect([callback.origin, callback.pathname, callback.hash]).toEqual([
      publicUrl,
      '/webhooks/twilio/sms',
      '#rc=3&rp=5xx,ct,rt',
    ])
    expect(readMark(callback.searchParams.get('follow_up'))).toEqual({
      tenantId: errand.tenantId,
      followUpId: errand.id,
    })
  })

  it.each([
    [
      { status: 400, body: { code: 21610 } },
      { state: 'refused', reason: 'opted_out', errorCode: '21610' },
    ],
    [
      { status: 400, body: { code: 21211 } },
      { state: 'refused', reason: 'invalid_number', errorCode: '21211' },
    ],
    [
      { status: 400, body: { code: 21617 } },
      { state: 'refused', reason: 'rejected', errorCode: '21617' },
    ],
    [
      { status: 401, body: { code: 20003 } },
      { state: 'refused', reason: 'provider_credentials', errorCode: '20003' },
    ],
    [
      { status: 429, headers: { 'retry-after': '7' } },
      { state: 'not_accepted', retryAfterSeconds: 7 },
    ],
    [
      { status: 503, headers: { 'retry-after': '9' } },
      { state: 'unclear', retryAfterSeconds: 9 },
    ],
    [{ status: 500 }, { state: 'unclear' }],
    [{ status: 408 }, { state: 'unclear' }],
    [{ status: 302 }, { state: 'unclear' }],
    [{ status: 201, body: 'not json' }, { state: 'unclear' }],
    [undefined, { state: 'unclear' }],
  ])('that is answered %j comes to %j', async (told, expected) => {
    expect(await twilioOf(await provider(() => told)).send(errand)).toMatchObject(expected)
  })

  it('that never left is not taken for certain', async () => {
    const gone = await provider(() => undefined)
    await new Promise((resolve) => gone.server.close(resolve))
    expect(await twilioOf(gone).send(errand)).toEqual({ state: 'not_accepted' })
  })

  const message = (sid: string, more: object = {}) => ({
    sid,
    to: errand.to,
    from: '+15005550006',
    body: errand.body,
    direction: 'outbound-api',
    date_created: 'Sat, 21 Nov 2026 10:00:01 +0000',
    ...more,
  })

  it.each([
    ['none', [], { state: 'absent' }],
    ['its own', [message('SM1')], { state: 'found', externalId: 'SM1' }],
    [
      'its own with a trial account’s sentence',
      [message('SM1', { body: `Sent from a trial - ${errand.body}` })],
      { state: 'found' },
    ],
    ['one of before', [message('SM1', { date_created: 'Sat, 21 Nov 2026 09:00:00 +0000' })], { state: 'absent' }],
    ['one that is another’s', [message('SM-other')], { state: 'absent' }],
    ['one with another text', [message('SM1', { body: 'Your code is 1234' })], { state: 'ambiguous' }],
  ])('is looked for among %s', async (_what, messages, expected) => {
    const twilio = await provider(() => ({ status: 200, body: { messages, next_page_uri: null } }))
    const isOthers = (ids: readonly string[]) => Promise.resolve(new Set(ids.filter((id) => id === 'SM-other')))
    expect(await twilioOf(twilio).find(errand, { since, isOthers })).toMatchObject(expected)
    expect(twilio.requests[0]?.url).toContain('To=%2B14155552671&From=%2B15005550006')
  })

  it('is looked for on all pages since the try', async () => {
    const twilio = await provider(({ url }) =>
      url.includes('Page=1')
        ? { status: 200, body: { messages: [message('SM1')], next_page_uri: null } }
        : {
            status: 200,
            body: { messages: [message('SM-other')], next_page_uri: '/2010-04-01/Accounts/AC1/Messages.json?Page=1' },
          },
    )
    const isOthers = () => Promise.resolve(new Set(['SM-other']))
    expect(await twilioOf(twilio).find(errand, { since, isOthers })).toMatchObject({ externalId: 'SM1' })
  })

  it.each([[{ status: 500 }], [{ status: 200, body: 'x' }], [undefined]])(
    'cannot be looked for when the answer is %j',
    async (told) => {
      await expect(twilioOf(await provider(() => told)).find(errand, { since, isOthers: nobodys })).rejects.toThrow()
    },
  )
})

describe('a call by Bland @unit', () => {
  it('is asked for with metadata and a webhook', async () => {
    const bland = await provider(() => ({ status: 200, body: { status: 'success', call_id: 'c1' } }))
    expect(await blandOf(bland).send(errand)).toEqual({ state: 'accepted', externalId: 'c1' })
    expect(bland.requests[0]).toMatchObject({ method: 'POST', url: '/v1/calls', authorization: 'k' })
    expect(JSON.parse(bland.requests[0]?.body ?? '')).toMatchObject({
      phone_number: errand.to,
      task: errand.body,
      webhook: `${publicUrl}/webhooks/bland`,
      metadata: { tenant_id: errand.tenantId, follow_up_id: errand.id },
    })
  })

  it.each([
    [
      { status: 200, body: { status: 'error', message: 'no' } },
      { state: 'refused', reason: 'rejected' },
    ],
    [
      { status: 400, body: { message: 'Invalid phone_number' } },
      { state: 'refused', reason: 'invalid_number' },
    ],
    [{ status: 402 }, { state: 'refused', reason: 'provider_out_of_credits' }],
    [{ status: 403 }, { state: 'refused', reason: 'provider_credentials' }],
    [
      { status: 429, headers: { 'retry-after': '3' } },
      { state: 'not_accepted', retryAfterSeconds: 3 },
    ],
    [{ status: 502 }, { state: 'unclear' }],
    [{ status: 200, body: {} }, { state: 'unclear' }],
    [undefined, { state: 'unclear' }],
  ])('that is answered %j comes to %j', async (told, expected) => {
    expect(await blandOf(await provider(() => told)).send(errand)).toMatchObject(expected)
  })

  it('is known again by its metadata, and by nothing else', async () => {
    const calls = ['c1', 'c2'].map((call_id) => ({ call_id, created_at: '2026-11-21T10:00:05.000Z', to: errand.to }))
    const details: Record<string, object> = {
      c1: { call_id: 'c1', metadata: { follow_up_id: 'another' } },
      c2: { call_id: 'c2', metadata: { follow_up_id: errand.id } },
    }
    const answer = ({ url }: Asked): Told => {
      if (url.startsWith('/v1/calls?')) return { status: 200, body: { calls } }
      const body = details[url.split('/').at(-1) ?? '']
      return body ? { status: 200, body } : { status: 404 }
    }
    const search = { since, isOthers: nobodys }
    const bland = blandOf(await provider(answer))
    expect(await bland.find(errand, search)).toEqual({ state: 'found', externalId: 'c2' })
    delete details.c2
    expect(await bland.find(errand, search)).toEqual({ state: 'ambiguous' })
    calls.pop()
    expect(await bland.find(errand, search)).toEqual({ state: 'absent' })
  })
})

describe('an address that a provider cannot reach @unit', () => {
  it('is not given to it', async () => {
    const twilio = await provider(() => ({ status: 201, body: { sid: 'SM1' } }))
    const local = { fromNumber: '+15005550006', publicUrl: 'http://127.0.0.1:8000' }
    const messages = createTwilioMessages(
      { accountSid: 'AC1', authTokens: ['t'], baseUrl: twilio.url, timeoutMs: 5000 },
      twilio.transport,
    )
    await createTwilioFollowUps({ ...local, baseUrl: 'https://api.twilio.com' }, messages).send(errand)
    await createTwilioFollowUps({ ...local, baseUrl: twilio.url }, messages).send(errand)
    expect(twilio.requests.map(({ body }) => new URLSearchParams(body).has('StatusCallback'))).toEqual([false, true])
  })
})
