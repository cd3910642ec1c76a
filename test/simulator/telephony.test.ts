import { describe, expect, it } from 'vitest'
import { call } from '../support/client.js'
import { cleanUpAfterEach, start } from './support.js'
import { accounts, hooks, startSending } from './webhooks-support.js'

cleanUpAfterEach()

const account = accounts.script.twilioAccountSid
const basic = (token: string) => `Basic ${Buffer.from(`${account}:${token}`).toString('base64')}`
const messages = `/2010-04-01/Accounts/${account}/Messages`

async function text(url: string, form: Record<string, string>, token = 'twilio-token') {
  return await call(`${url}${messages}.json`, {
    raw: new URLSearchParams(form).toString(),
    headers: { authorization: basic(token), 'content-type': 'application/x-www-form-urlencoded' },
  })
}
const get = (url: string, headers: Record<string, string>) => call(url, { method: 'GET', headers })
const sms = { To: '+14155552671', From: '+15005550006', Body: 'Hello' }

describe('the simulated telephones @unit', () => {
  it('take a message as Twilio does, list it, and report it to the address that was given', async () => {
    const receiver = await hooks()
    const { simulator, settled } = await startSending(receiver.url)
    const made = await text(simulator.url, { ...sms, StatusCallback: 'https://x.test/webhooks/twilio/sms?a=1#rc=3' })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({ status: 'queued', direction: 'outbound-api', to: sms.To, date_sent: null })
    const auth = { authorization: basic('twilio-token') }
    const listed = await get(`${simulator.url}${messages}.json?To=%2B14155552671&PageSize=1`, auth)
    expect(listed.body.messages.map(({ sid }: { sid: string }) => sid)).toEqual([made.body.sid])
    expect((await get(`${simulator.url}${messages}.json?To=%2B14155550000`, auth)).body.messages).toEqual([])
    expect((await get(`${simulator.url}${messages}/${made.body.sid}.json`, auth)).body.body).toBe('Hello')
    await settled()
    expect(receiver.received.map(({ path, query }) => [path, query])).toEqual([
      ['/webhooks/twilio/sms', 'a=1'],
      ['/webhooks/twilio/sms', 'a=1'],
    ])
  })

  it.each([
    [{ ...sms, To: 'x' }, 21211],
    [{ ...sms, To: '+15005550004' }, 21610],
    [{ ...sms, Body: '' }, 21602],
    [{ ...sms, Body: 'a'.repeat(1601) }, 21617],
    [{ ...sms, From: '' }, 21603],
  ])('refuse %j as Twilio does', async (form, code) => {
    const simulator = (await start({ accounts })).simulator
    const { status, body } = await text(simulator.url, form)
    expect([status, body.code]).toEqual([400, code])
    expect((await text(simulator.url, sms, 'another')).status).toBe(401)
    expect((await get(`${simulator.url}/__sim/people`, {})).body).toEqual({ people: [], messages: [], calls: [] })
  })

  it('place a call as Bland does, and leave metadata out of the list', async () => {
    const simulator = (await start({ accounts })).simulator
    const headers = { authorization: 'bland-key' }
    const place = (body: object) => call(`${simulator.url}/v1/calls`, { body, headers })
    const metadata = { follow_up_id: 'f1' }
    const made = await place({ phone_number: '+14155552671', task: 'Ask', metadata })
    expect(made.body).toMatchObject({ status: 'success', message: 'Call successfully queued.', batch_id: null })
    const { calls } = (await get(`${simulator.url}/v1/calls?to_number=%2B14155552671`, headers)).body
    expect(calls).toMatchObject([{ call_id: made.body.call_id, to: '+14155552671' }])
    expect(calls[0]).not.toHaveProperty('metadata')
    expect((await get(`${simulator.url}/v1/calls/${made.body.call_id}`, headers)).body).toMatchObject({ metadata })
    expect((await place({ phone_number: 'x', task: 'Ask' })).status).toBe(400)
    expect((await place({ phone_number: '+14155552671' })).status).toBe(400)
    expect((await get(`${simulator.url}/v1/calls/none`, headers)).status).toBe(404)
    expect((await get(`${simulator.url}/v1/calls`, { authorization: 'wrong' })).status).toBe(401)
  })

  it('have their effect also when the answer is lost, and none before a status', async () => {
    const simulator = (await start({ accounts })).simulator
    simulator.faults.add({ operation: 'sms_create', kind: 'lost_answer', times: 1 })
    await expect(text(simulator.url, sms)).rejects.toThrow()
    simulator.faults.add({ operation: 'sms_create', kind: 'status', status: 503, times: 1 })
    expect((await text(simulator.url, sms)).status).toBe(503)
    const { people } = (await get(`${simulator.url}/__sim/people`, {})).body
    expect(people).toEqual([{ number: sms.To, messages: 1, calls: 0 }])
  })

  it('name the field of a habit that is wrong', async () => {
    const simulator = (await start({ accounts })).simulator
    const { status, body } = await call(`${simulator.url}/__sim/people`, {
      body: { number: '+14155552671', sms: 'read' },
    })
    expect([status, body.field]).toEqual([400, 'sms'])
  })
})
