import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AccessToken, RoomServiceClient } from 'livekit-server-sdk'
import { describe, expect, it } from 'vitest'
import { cleanUpAfterEach, onCleanup, wait } from './support.js'
import { accounts, hooks, startSending } from './webhooks-support.js'

cleanUpAfterEach()

describe('@integration the control of webhooks', () => {
  it('lists what was sent, by provider, kind and external id, with counts', async () => {
    const hook = await hooks()
    const { send, settled, get } = await startSending(hook.url)
    const { status, body } = await send('bland', { call_id: 'b1', span_ms: 0 })
    expect([status, body.subjects]).toEqual([202, ['b1']])
    await send('clerk', { events: ['user.created'], user_id: 'user_1' })
    await settled()
    const list = async (query: string) =>
      ((await get(`/__sim/webhooks?${query}`)).body.webhooks as { kind: string }[]).map(({ kind }) => kind)
    expect(await list('')).toEqual(['post_call', 'citations', 'user.created'])
    expect(await list('provider=bland&kind=citations')).toEqual(['citations'])
    expect(await list('external_id=user_1')).toEqual(['user.created'])
    expect(await list('after=2')).toEqual(['user.created'])
    expect((await get('/__sim/webhooks')).body.counts).toEqual({
      bland: { events: 2, attempts: 2, delivered: 2, pending: 0 },
      clerk: { events: 1, attempts: 1, delivered: 1, pending: 0 },
    })
    const { body: one } = await get('/__sim/webhooks/1')
    expect(one).toMatchObject({ provider: 'bland', external_id: 'b1', delivered: true, body: hook.received[0]?.body })
    expect((await get('/__sim/webhooks/99')).status).toBe(404)
    expect((await get('/__sim/webhooks/subjects')).body.subjects).toEqual([
      {
        provider: 'bland',
        external_id: 'b1',
        call_id: null,
        expected: { outcome: ['completed'], duration_seconds: 61, recording: true, decided_by: 'post_call' },
      },
    ])
  })

  it('sends one again on demand, byte for byte', async () => {
    const hook = await hooks()
    const { send, settled, post } = await startSending(hook.url)
    await send('bland', { later: [], span_ms: 0 })
    await settled()
    expect((await post('/__sim/webhooks/1/redeliver')).status).toBe(202)
    await expect.poll(() => hook.received.length).toBe(2)
    expect(hook.received[1]?.body).toBe(hook.received[0]?.body)
  })

  it('answers 422 naming the fields, 404 for a stranger, 409 without an address or a secret', async () => {
    const { send } = await startSending(null)
    const wrong = await send('twilio', { life: 'call', call_sid: 'XX1', duration_seconds: 'long' })
    expect(wrong.status).toBe(422)
    expect(wrong.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
      '/call_sid',
      '/duration_seconds',
    ])
    expect((await send('twilio', {})).body.errors[0].pointer).toBe('/life')
    expect((await send('stripe', {})).status).toBe(404)
    expect((await send('clerk', {})).body.error).toContain('webhook_target')
    const nobody = await startSending('http://127.0.0.1:9', {
      accounts: { ...accounts, secrets: { ...accounts.secrets, clerk: [] } },
    })
    expect((await nobody.send('clerk', {})).status).toBe(409)
  })

  it('forgets at a reset, and sends nothing more', async () => {
    const hook = await hooks()
    const { send, post, simulator } = await startSending(hook.url)
    await send('bland', { span_ms: 300 })
    await post('/__sim/reset')
    await wait(400)
    expect([simulator.webhooks(), hook.received]).toEqual([[], []])
  })

  it('keeps all of it over a restart and goes on with what was to come', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'parley-simulator-'))
    onCleanup(() => rm(dataDir, { recursive: true, force: true }))
    const hook = await hooks()
    const before = await startSending(hook.url, { dataDir })
    await before.send('bland', { call_id: 'b1', span_ms: 0 })
    const truth = await before.settled()
    await before.send('twilio', { life: 'call', call_sid: 'CA1', recording: false, span_ms: 600 })
    await before.simulator.close()
    const early = hook.received.length
    const after = await startSending(hook.url, { dataDir })
    expect(after.simulator.webhooks().slice(0, 2)).toEqual(truth)
    await after.settled()
    expect(hook.received.length).toBeGreaterThan(early)
    const kinds = after.simulator.webhooks().filter(({ delivered }) => delivered)
    expect(kinds.map(({ kind }) => kind)).toEqual([
      'post_call',
      'citations',
      'call.initiated',
      'call.ringing',
      'call.in-progress',
      'call.completed',
    ])
    expect(
      (await after.get('/__sim/webhooks/subjects')).body.subjects.map(
        (one: { external_id: string }) => one.external_id,
      ),
    ).toEqual(['b1', 'CA1'])
  })
})

describe('@integration the providers’ own APIs', () => {
  const account = accounts.script.twilioAccountSid
  const basic = (user: string, password: string) => ({
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  })

  it('Twilio tells of a call what is true at that moment', async () => {
    const hook = await hooks()
    const { send, get } = await startSending(hook.url)
    await send('twilio', { life: 'call', call_sid: 'CA1', recording: false, span_ms: 600 })
    const path = `/2010-04-01/Accounts/${account}/Calls/CA1.json`
    const rights = basic(account, 'twilio-token')
    expect((await get(path, rights)).body).toMatchObject({ sid: 'CA1', status: 'queued', duration: null })
    await expect
      .poll(async () => (await get(path, rights)).body, { timeout: 3000 })
      .toMatchObject({ status: 'completed', duration: '61' })
    expect(await get(path, basic(account, 'wrong'))).toMatchObject({ status: 401, body: { code: 20003 } })
    expect(await get(path.replace('CA1', 'CA2'), rights)).toMatchObject({
      status: 404,
      body: { code: 20404, status: 404 },
    })
  })

  it('LiveKit lists rooms and the people in them to its own client', async () => {
    const hook = await hooks()
    const { send, simulator, call } = await startSending(hook.url)
    const client = new RoomServiceClient(simulator.url, 'devkey', accounts.secrets.livekit[0])
    await send('livekit', { room: 'r1', span_ms: 1200 })
    expect((await client.listRooms()).map(({ name }) => name)).toEqual(['r1'])
    expect(await client.listRooms(['other'])).toEqual([])
    await expect
      .poll(() => client.listParticipants('r1'), { timeout: 3000 })
      .toMatchObject([{ identity: 'sip_+15005550010' }])
    await expect.poll(() => client.listRooms(), { timeout: 3000 }).toEqual([])
    await expect(client.listParticipants('r1')).rejects.toMatchObject({ status: 404, code: 'not_found' })
    await expect(new RoomServiceClient(simulator.url, 'devkey', 'wrong').listRooms()).rejects.toMatchObject({
      status: 401,
    })
    const token = new AccessToken('devkey', accounts.secrets.livekit[0], { identity: 'somebody' })
    token.addGrant({ roomJoin: true, room: 'r1' })
    const answer = await call(
      'POST',
      '/twirp/livekit.RoomService/ListRooms',
      {},
      { authorization: `Bearer ${await token.toJwt()}` },
    )
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
  })

  it('ElevenLabs has no analysis before the end, and refuses a wrong key', async () => {
    const hook = await hooks()
    const { send, get } = await startSending(hook.url)
    await send('elevenlabs', { conversation_id: 'conv_1', span_ms: 800 })
    const path = '/v1/convai/conversations/conv_1'
    const key = { 'xi-api-key': 'eleven-key' }
    expect((await get(path, key)).body).toMatchObject({ status: 'in-progress', analysis: null })
    await expect.poll(async () => (await get(path, key)).body.status, { timeout: 3000 }).toBe('done')
    expect((await get(path, key)).body).toMatchObject({
      analysis: { call_successful: 'success' },
      metadata: { call_duration_secs: 61 },
    })
    expect((await get(`${path}/audio`, key)).headers.get('content-type')).toBe('audio/mpeg')
    expect(await get(path, { 'xi-api-key': 'no' })).toMatchObject({
      status: 401,
      body: { detail: { status: 'invalid_api_key' } },
    })
    expect((await get('/v1/convai/conversations/conv_2', key)).status).toBe(404)
  })

  it('break as they are told to', async () => {
    const hook = await hooks()
    const { get, fault } = await startSending(hook.url)
    await fault({ operation: 'elevenlabs', kind: 'status', status: 429, times: 1 })
    const answers = [await get('/v1/convai/conversations/x'), await get('/v1/convai/conversations/x')]
    expect(answers.map(({ status }) => status)).toEqual([429, 401])
  })
})
