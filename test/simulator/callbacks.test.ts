import { describe, expect, it } from 'vitest'
import { cleanUpAfterEach, receiver, start, wait } from './support.js'

cleanUpAfterEach()

const s3 = { provider: 's3', bucket_name: 'rec', bucket_region: 'eu-west-1', assume_role_arn: 'arn:aws:iam::1:role/x' }

describe('the callbacks of a conversation', () => {
  it('tell the joining under both names, with one time and payload, and echo the address', async () => {
    const { create } = await start()
    const hook = await receiver()
    const { conversation_id } = await create({ callback_url: hook.url, replica_id: 'r7' })
    await expect.poll(hook.types).toHaveLength(2)
    const [one, other] = hook.received.map(({ body }) => body)
    expect(hook.types().sort()).toEqual(['system.pal_joined', 'system.replica_joined'])
    expect({ ...one, event_type: '' }).toEqual({ ...other, event_type: '' })
    expect(one).toMatchObject({ message_type: 'system', conversation_id, webhook_url: hook.url })
    expect(one?.timestamp).toMatch(/\.\d{6}Z$/)
    expect(Object.values(one?.properties ?? {})).toEqual(['r7'])
    expect(hook.received[0]?.headers['content-type']).toBe('application/json')
  })

  it('tell the end with its reason and time, and the transcript with the system prompt first', async () => {
    const { simulator, create, post } = await start({ timings: { assume_human: true } })
    const hook = await receiver()
    const { conversation_id: id } = await create({
      callback_url: hook.url,
      conversational_context: 'session: s1',
      custom_greeting: 'Welcome!',
    })
    await expect.poll(hook.types).toHaveLength(2)
    await post(`/v2/conversations/${id}/end`)
    await expect.poll(hook.types).toHaveLength(4)
    const [shutdown] = hook.of('system.shutdown')
    const truth = simulator.conversation(id)
    expect(shutdown?.body.properties).toMatchObject({ shutdown_reason: 'end_conversation_endpoint_hit' })
    expect(shutdown?.body.timestamp).toBe(truth?.ended_at)
    const transcript = hook.of('application.transcription_ready')[0]?.body.properties.transcript as Record<
      string,
      unknown
    >[]
    expect(transcript[0]).toMatchObject({ role: 'system', content: expect.stringContaining('session: s1') })
    expect(transcript[1]).toMatchObject({
      role: 'assistant',
      content: 'Welcome!',
      seconds_from_start: 0,
      inference_id: expect.any(String),
    })
    expect(transcript.map((entry) => entry.role)).toContain('user')
  })

  it('come in either order, in both spellings and with both kinds of time, over many conversations', async () => {
    const { simulator, create, post } = await start()
    const ids = await Promise.all(Array.from({ length: 40 }, async () => (await create()).conversation_id))
    await expect
      .poll(() => simulator.conversations().every((row) => row.joined_at !== null), { timeout: 10_000 })
      .toBe(true)
    await Promise.all(
      ids.map((id) => post(`/__sim/conversations/${id}/shutdown`, { reason: 'participant_left_timeout' })),
    )
    await expect
      .poll(() => simulator.conversations().every((row) => row.events.length === 4), { timeout: 10_000 })
      .toBe(true)
    const rows = simulator.conversations()
    const transcripts = rows.map((row) =>
      row.events.find((event) => event.event_type === 'application.transcription_ready'),
    )
    expect(new Set(rows.map((row) => row.shutdown_reason))).toEqual(
      new Set(['participant_left_timeout', 'participant_left_timeout reached']),
    )
    expect(new Set(rows.map((row) => row.events[2]?.event_type)).size).toBe(2)
    expect(
      new Set(
        transcripts.map((event) => typeof (event?.properties.transcript as { timestamp: unknown }[])[1]?.timestamp),
      ),
    ).toEqual(new Set(['string', 'number']))
    const before = rows.filter((row) => row.events[2]?.event_type === 'application.transcription_ready')
    for (const row of before) expect((row.events[2]?.timestamp ?? '') < (row.events[3]?.timestamp ?? '')).toBe(true)
  })

  it.each([
    ['recording_storage', { recording_storage: s3 }, 's3'],
    [
      'the flat fields',
      { recording_s3_bucket_name: 'rec', recording_s3_bucket_region: 'x', aws_assume_role_arn: 'y' },
      's3',
    ],
    ['another provider', { recording_storage: { provider: 'gcs', bucket_name: 'rec' } }, 'gcs'],
  ])('tell where the recording lies when it is enabled with %s', async (_, storage, provider) => {
    const { simulator, create, post } = await start()
    const { conversation_id: id } = await create({ properties: { enable_recording: true, ...storage } })
    await expect.poll(() => simulator.conversation(id)?.joined_at).toBeTruthy()
    await post(`/v2/conversations/${id}/end`)
    const recording = () =>
      simulator.conversation(id)?.events.find((event) => event.event_type === 'application.recording_ready')?.properties
    await expect
      .poll(recording)
      .toMatchObject({ bucket_name: 'rec', storage_provider: provider, duration: expect.any(Number) })
    expect(recording()?.s3_key).toMatch(new RegExp(`^tavus/${id}/\\d{13}$`))
    expect(recording()?.storage_uri).toBe(`${provider === 'gcs' ? 'gs' : 's3'}://rec/${String(recording()?.s3_key)}`)
  })

  it('tell no recording that nobody can store or that was not enabled', async () => {
    const { simulator, create, post } = await start()
    const given = [{ enable_recording: true }, { recording_storage: s3 }]
    for (const properties of given) {
      const { conversation_id: id } = await create({ properties })
      await expect.poll(() => simulator.conversation(id)?.joined_at).toBeTruthy()
      await post(`/v2/conversations/${id}/end`)
    }
    await wait(150)
    const types = simulator.conversations().flatMap((row) => row.events.map((event) => event.event_type))
    expect(types.filter((type) => type === 'system.shutdown')).toHaveLength(2)
    expect(types).not.toContain('application.recording_ready')
  })

  it('tell what was seen when the rate says so', async () => {
    const { create, post, simulator } = await start({ timings: { perception_rate: 1 } })
    const { conversation_id: id } = await create()
    await expect.poll(() => simulator.conversation(id)?.joined_at).toBeTruthy()
    await post(`/v2/conversations/${id}/end`)
    await expect
      .poll(() => simulator.conversation(id)?.events.map((event) => event.event_type))
      .toContain('application.perception_analysis')
  })

  it('are sent once when refused, and written down with the status', async () => {
    const { simulator, create } = await start()
    const hook = await receiver(() => 503)
    const { conversation_id: id } = await create({ callback_url: hook.url })
    await expect.poll(() => simulator.conversation(id)?.deliveries.length).toBe(2)
    await wait(100)
    expect(hook.received).toHaveLength(2)
    expect(simulator.conversation(id)?.deliveries[0]).toMatchObject({
      status: 503,
      attempts: 1,
      lost: false,
      duplicated: false,
      error: null,
    })
  })

  it('are tried again when retries are switched on', async () => {
    const { simulator, create } = await start({ timings: { callback_retries: 2 } })
    const hook = await receiver((_, count) => (count <= 2 ? 500 : 204))
    const { conversation_id: id } = await create({ callback_url: hook.url })
    await expect.poll(() => simulator.conversation(id)?.deliveries.length, { timeout: 3000 }).toBe(2)
    expect(simulator.conversation(id)?.deliveries).toMatchObject([
      { status: 204, attempts: 2 },
      { status: 204, attempts: 2 },
    ])
  })

  it('do not hold anything up when nobody answers them', async () => {
    const { simulator, create, get } = await start({ timings: { callback_timeout_ms: 150 } })
    const hook = await receiver(() => new Promise<number>(() => undefined))
    const { conversation_id: id } = await create({ callback_url: hook.url })
    await expect.poll(hook.types).toHaveLength(2)
    expect((await get(`/v2/conversations/${id}`)).status).toBe(200)
    await expect.poll(() => simulator.conversation(id)?.deliveries.length).toBe(2)
    expect(simulator.conversation(id)?.deliveries[0]).toMatchObject({
      status: null,
      error: expect.stringContaining('Timeout'),
    })
  })

  it('may arrive before the create call is answered', async () => {
    const { create, post } = await start()
    await post('/__sim/config', { callback_before_answer: true })
    let answered = false
    const late: boolean[] = []
    const hook = await receiver(async () => {
      await wait(50)
      late.push(answered)
      return 200
    })
    const { conversation_id } = await create({ callback_url: hook.url })
    answered = true
    expect(hook.received.map(({ body }) => body.conversation_id)).toEqual([conversation_id, conversation_id])
    expect(late).toEqual([false, false])
  })
})

describe('the timers', () => {
  it.each([
    ['participant_absent_timeout', { participant_absent_timeout: 1 }],
    ['max_call_duration', { max_call_duration: 1, participant_absent_timeout: 60 }],
  ])('end the conversation with %s', async (reason, properties) => {
    const { simulator, create } = await start()
    const { conversation_id: id } = await create({ properties })
    await expect.poll(() => simulator.conversation(id)?.status, { timeout: 3000 }).toBe('ended')
    const truth = simulator.conversation(id)
    expect(truth?.shutdown_reason?.replace(' reached', '')).toBe(reason)
    expect(truth?.duration_seconds).toBeGreaterThan(0.9)
    expect(truth?.duration_seconds).toBeLessThan(1.6)
    const { joined_at, ended_at } = truth ?? {}
    expect(
      Math.abs((Date.parse(ended_at ?? '') - Date.parse(joined_at ?? '')) / 1000 - (truth?.duration_seconds ?? 0)),
    ).toBeLessThan(0.002)
  })

  it.each(['the timeout', 'an end call'])('have nobody talk when nobody came, ended by %s', async (how) => {
    const { simulator, create, post } = await start()
    const { conversation_id: id } = await create({ properties: { participant_absent_timeout: 1 } })
    if (how === 'an end call') {
      await expect.poll(() => simulator.conversation(id)?.joined_at).not.toBeNull()
      await post(`/v2/conversations/${id}/end`)
    }
    const transcript = () =>
      simulator.conversation(id)?.events.find((event) => event.event_type === 'application.transcription_ready')
        ?.properties.transcript
    await expect.poll(transcript, { timeout: 3000 }).toBeDefined()
    expect((transcript() as { role: string }[]).map((entry) => entry.role)).toEqual(['system', 'assistant'])
  })
})
