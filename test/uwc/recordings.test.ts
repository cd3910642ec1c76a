import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createCallStore } from '../../src/store/calls.js'
import { aCall } from '../store/call-world.js'
import { acme, actors } from '../store/world.js'
import { eventually } from '../support/client.js'
import { connectPhones } from '../webhooks/phone.js'
import * as say from '../webhooks/subjects.js'
import { newId } from '../webhooks/subjects.js'
import { deliver, type Message } from '../webhooks/wire.js'
import { type JobRow, type Partnered, startWithPartner } from './harness.js'

let partnered: Partnered
beforeAll(async () => {
  partnered = await startWithPartner({ UWC_POLL_SECONDS: '1' })
  await connectPhones(partnered)
}, 180_000)
afterAll(() => partnered.close())
afterEach(() => partnered.simulator.faults.clear())

interface Recorded {
  /** The end of the call and its recording, in the provider's order. */
  messages: Message[]
  externalId: string
  url: string
}

const providers: Readonly<Record<string, () => Promise<Recorded>>> = {
  async livekit() {
    const { row } = await createCallStore(partnered.database).create(actors.acmeRep, aCall())
    const room = row.externalId
    return {
      externalId: room,
      url: `s3://rec/${room}.mp4`,
      messages: [
        say.livekit('room_finished', { room: say.roomOf(room) }, { seconds: 70 }),
        say.livekit('egress_ended', { egressInfo: say.egressOf(room) }, { seconds: 71 }),
      ],
    }
  },
  async twilio() {
    const [call, recording] = [newId('CA'), newId('RE')]
    return {
      externalId: call,
      url: `https://api.twilio.com/${recording}`,
      messages: [say.twilioCompleted(call), say.twilioRecording(call, recording)],
    }
  },
  async callrail() {
    const id = newId('CAL')
    const recording = `https://app.callrail.com/recording/${id}`
    return {
      externalId: id,
      url: recording,
      messages: [
        say.callrail(id, 'call-complete', { recording: `${recording}?sig=one` }),
        say.callrail(id, 'call-modified', { recording: `${recording}?sig=another` }),
      ],
    }
  },
  async bland() {
    const id = newId('BL')
    return {
      externalId: id,
      url: `https://example.com/${id}.mp3`,
      messages: [say.bland(id, acme), say.bland(id, acme, say.blandCorrection)],
    }
  },
}

const jobsOf = (externalId: string, kind: string) =>
  partnered.admin<JobRow>(
    `select j.* from uwc_jobs j join call_logs c on c.id = j.subject_id
     where c.external_id = $1 and j.kind = $2 order by j.created_at, j.id`,
    [externalId, kind],
  )

const analysed = (externalId: string) =>
  eventually(
    () => jobsOf(externalId, 'analysis'),
    (jobs) => jobs.length > 0 && jobs.every(({ status }) => status === 'completed'),
    60_000,
  )

describe.each(Object.entries(providers))('@integration a recording of %s', (_name, record) => {
  it('is transcribed by itself, once, and analysed after that', async () => {
    const { messages, externalId, url } = await record()
    for (const message of [...messages, ...messages])
      expect((await deliver(partnered, message)).status).toBeLessThan(300)
    const [analysis, ...others] = await analysed(externalId)
    expect(others).toEqual([])
    const [asr, ...more] = await jobsOf(externalId, 'asr')
    expect(more).toEqual([])
    expect([asr, analysis]).toMatchObject([
      { origin: 'recording', status: 'completed', tenant_id: acme },
      { origin: 'transcript', status: 'completed', tenant_id: acme },
    ])
    const atPartner = await partnered.jobsAtPartner()
    const sent = atPartner.filter(({ request_id }) => [asr, analysis].some((job) => job?.request_id === request_id))
    expect(sent.map(({ kind }) => kind).sort()).toEqual(['analysis', 'asr'])
    expect(JSON.stringify(sent.find(({ kind }) => kind === 'asr')?.request.audio_urls)).toContain(url)
    expect(
      await partnered.admin(
        'select t.text from transcripts t join call_logs c on c.id = t.call_id where external_id = $1',
        [externalId],
      ),
    ).toEqual([{ text: 'Hello. Thursday, please.' }])
  })
})

describe('@idempotency a recording', () => {
  it('that twenty deliveries tell of at the same instant is transcribed once', async () => {
    const { messages, externalId } = await (providers.twilio as () => Promise<Recorded>)()
    const copies = Array.from({ length: 10 }, () => messages).flat()
    await Promise.all(copies.map((message) => deliver(partnered, message)))
    await analysed(externalId)
    expect(await jobsOf(externalId, 'asr')).toHaveLength(1)
    expect(await jobsOf(externalId, 'analysis')).toHaveLength(1)
  })

  it('is not taken before its call is over', async () => {
    const [call, recording] = [newId('CA'), newId('RE')]
    await deliver(partnered, say.twilioStatus(call, 'in-progress', 1))
    await deliver(partnered, say.twilioRecording(call, recording))
    await eventually(
      () =>
        partnered.admin<{ url: string }>(`select "recordingUrl" as url from call_logs where external_id = $1`, [call]),
      ([row]) => row?.url !== null && row !== undefined,
    )
    expect(await jobsOf(call, 'asr')).toEqual([])
    await deliver(partnered, say.twilioCompleted(call))
    await analysed(call)
    expect(await jobsOf(call, 'asr')).toHaveLength(1)
  })

  it('of several of one call is each transcribed', async () => {
    const [call, one, other] = [newId('CA'), newId('RE'), newId('RE')]
    for (const message of [say.twilioCompleted(call), say.twilioRecording(call, one), say.twilioRecording(call, other)])
      await deliver(partnered, message)
    await eventually(
      () => jobsOf(call, 'asr'),
      (jobs) => jobs.length === 2 && jobs.every(({ status }) => status === 'completed'),
      60_000,
    )
    expect((await analysed(call)).length).toBeLessThanOrEqual(2)
  })
})

describe('@integration recordings while the partner is away', () => {
  it('for an hour, time compressed, are all transcribed and analysed when it is back', async () => {
    partnered.simulator.faults.add({ operation: 'uwc_submit', kind: 'status', status: 503 })
    const recorded = await Promise.all(
      Array.from({ length: 8 }, () => Object.values(providers).map((record) => record())).flat(),
    )
    for (const { messages } of recorded) for (const message of messages) await deliver(partnered, message)
    await eventually(
      async () => partnered.requests().filter(({ status }) => status === 503).length,
      (count) => count >= recorded.length * 2,
      60_000,
    )
    partnered.simulator.faults.clear()
    for (const { externalId } of recorded) {
      await analysed(externalId)
      expect(await jobsOf(externalId, 'asr')).toHaveLength(1)
    }
    const requests = (await partnered.jobsAtPartner()).map(({ kind, request_id }) => `${kind} ${request_id}`)
    expect(new Set(requests).size).toBe(requests.length)
  }, 180_000)
})

describe('@integration a recording while the workflow engine is away', () => {
  it('is kept, and transcribed when it is back', async () => {
    const { messages, externalId } = await (providers.bland as () => Promise<Recorded>)()
    await partnered.temporal.cut()
    const answers: number[] = []
    for (const message of messages) answers.push((await deliver(partnered, message)).status)
    const accepted = await partnered.post('/api/uwc/training', {
      rep_id: actors.acmeRep.userId,
      media_urls: [`https://a.example/${randomUUID()}`],
    })
    await partnered.temporal.mend()
    expect(answers.every((status) => status < 300)).toBe(true)
    expect(accepted.status).toBe(202)
    await analysed(externalId)
    await partnered.ended(accepted.body.id as string)
  }, 120_000)
})
