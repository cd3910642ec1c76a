import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cleanUpAfterEach, onCleanup } from './support.js'
import { hooks, startSending } from './webhooks-support.js'

cleanUpAfterEach()

const key = { 'xi-api-key': 'eleven-key' }
const timings = { agent_processing_ms: 40, agent_webhook_ms: [10, 20] as [number, number] }

async function simulated(more: Parameters<typeof startSending>[1] = {}) {
  const { url, received } = await hooks()
  const running = await startSending(url, { ...more, timings: { ...timings, ...more.timings } })
  const { get, post } = running
  const signed = (query = '?agent_id=agent_simulated&include_conversation_id=true') =>
    get(`/v1/convai/conversation/get-signed-url${query}`, key)
  /** An address, and the id of its conversation. */
  const issue = async () => {
    const { body } = await signed()
    const { searchParams } = new URL(body.signed_url)
    const id = String(body.conversation_id ?? searchParams.get('conversation_id'))
    return { id, signature: String(searchParams.get('conversation_signature')) }
  }
  const conversation = (id: string, path = '') => get(`/v1/convai/conversations/${id}${path}`, key)
  const connect = (id: string, body: object = {}) => post(`/__sim/agents/${id}/connect`, body)
  const end = (id: string, by = 'caller') => post(`/__sim/agents/${id}/end`, { by })
  return { ...running, received, signed, issue, conversation, connect, end }
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 400 && !(await holds()); tries++) await new Promise((resolve) => setTimeout(resolve, 25))
  expect(await holds()).toBe(true)
}

describe('the simulated API of agents', () => {
  it('gives signed URLs with an id when asked, to who has the key, for an agent that there is', async () => {
    const { signed, get, simulator, issue } = await simulated()
    const plain = await signed('?agent_id=agent_simulated')
    expect(plain.body).toEqual({ signed_url: expect.stringMatching(/^ws:\/\/.*agent_id=agent_simulated/) })
    expect(plain.body.signed_url).not.toContain('conversation_id')
    expect((await issue()).id).toMatch(/^conv_/)
    const wrong = await get('/v1/convai/conversation/get-signed-url?agent_id=agent_simulated', { 'xi-api-key': 'no' })
    expect([wrong.status, wrong.body.detail.status]).toEqual([401, 'invalid_api_key'])
    expect((await signed('')).status).toBe(422)
    expect((await signed('?agent_id=agent_other')).status).toBe(404)
    simulator.configure({ elevenlabs_agents: ['agent_other'] })
    expect((await signed('?agent_id=agent_other')).status).toBe(200)
  })

  it('lets one talk begin at an address, in its time and with its signature', async () => {
    const { issue, connect, simulator } = await simulated()
    const { id, signature } = await issue()
    expect((await connect('conv_nobody')).status).toBe(404)
    expect((await connect(id, { signature: 'another' })).status).toBe(404)
    expect((await connect(id, { signature })).body).toMatchObject({ status: 'active', conversation_id: id })
    expect((await connect(id, { signature })).status).toBe(409)
    simulator.configure({ signed_url_seconds: 0 })
    const late = await issue()
    expect((await connect(late.id)).status).toBe(410)
  })

  it('tells of a conversation once it has begun, through processing to its end, and then sends both webhooks', async () => {
    const { issue, connect, end, conversation, received, simulator } = await simulated()
    const { id } = await issue()
    expect((await conversation(id)).status).toBe(404)
    await connect(id, { dynamic_variables: { parley_session_id: 's1' } })
    expect((await conversation(id)).body).toMatchObject({ status: 'in-progress', analysis: null, transcript: [] })
    expect((await conversation(id, '/audio')).status).toBe(404)
    simulator.configure({ agent_processing_ms: 300 })
    expect((await end(id)).body).toMatchObject({ status: 'ended', ended_by: 'caller' })
    expect((await conversation(id)).body).toMatchObject({ status: 'processing', analysis: null })
    expect(received).toEqual([])
    await until(() => received.length === 2)
    const bodies = received.map(({ body }) => JSON.parse(body) as { type: string; data: Record<string, unknown> })
    expect(bodies.map(({ type }) => type).sort()).toEqual(['post_call_audio', 'post_call_transcription'])
    const told = bodies.find(({ type }) => type === 'post_call_transcription')?.data
    expect(told).toMatchObject({
      conversation_id: id,
      status: 'done',
      conversation_initiation_client_data: { dynamic_variables: { parley_session_id: 's1' } },
    })
    expect((await conversation(id)).body).toEqual(told)
    expect((await conversation(id, '/audio')).text).toMatch(/^ID3/)
    expect((await end(id)).body.ended_by).toBe('caller')
    expect(simulator.talks()).toHaveLength(1)
  })

  it('ends a talk at the agent’s maximum, and may fail it', async () => {
    const { issue, connect, end, conversation, simulator } = await simulated({ timings: { agent_max_seconds: 0.2 } })
    const [long, broken] = [await issue(), await issue()]
    await connect(long.id)
    await connect(broken.id, { max_seconds: 60 })
    await end(broken.id, 'failure')
    await until(() => simulator.talks().every(({ status }) => status === 'ended'))
    expect(simulator.talks().map(({ ended_by }) => ended_by)).toEqual(['max_duration', 'failure'])
    await until(async () => (await conversation(broken.id)).body.status === 'failed')
  })

  it('lists what has begun, the newest first and page by page', async () => {
    const { issue, connect, get } = await simulated()
    const ids: string[] = []
    for (let n = 0; n < 3; n++) {
      const { id } = await issue()
      await connect(id)
      ids.unshift(id)
    }
    await issue()
    const page = (query: string) => get(`/v1/convai/conversations?page_size=2${query}`, key)
    const first = (await page('')).body
    expect(first).toMatchObject({ has_more: true, next_cursor: ids[1] })
    const second = (await page(`&cursor=${first.next_cursor}`)).body
    const listed = [...first.conversations, ...second.conversations] as { conversation_id: string }[]
    expect(listed.map(({ conversation_id }) => conversation_id)).toEqual(ids)
    expect(second).toMatchObject({ has_more: false, next_cursor: null })
    expect((await get('/v1/convai/conversations?page_size=0', key)).status).toBe(422)
    expect((await get('/v1/convai/conversations?agent_id=agent_other', key)).body.conversations).toEqual([])
  })

  it('knows after a restart what was said before, and ends what runs then', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'parley-agents-'))
    onCleanup(() => rm(dataDir, { recursive: true, force: true }))
    const before = await simulated({ dataDir })
    const { id } = await before.issue()
    await before.connect(id, { max_seconds: 1 })
    await before.simulator.close()
    const after = await simulated({ dataDir })
    expect(after.simulator.talks()).toMatchObject([{ conversation_id: id, status: 'active' }])
    await until(() => after.simulator.talks()[0]?.status === 'ended')
    await until(() => after.received.length === 2)
  })

  it('strikes signed URLs and the rest apart', async () => {
    const { simulator, signed, conversation } = await simulated()
    simulator.faults.add({ operation: 'signed_url', kind: 'status', status: 503, times: 1 })
    expect((await conversation('conv_nobody')).status).toBe(404)
    expect((await signed()).status).toBe(503)
    simulator.faults.add({ operation: 'elevenlabs', kind: 'status', status: 429, times: 1 })
    expect((await signed()).status).toBe(200)
    expect((await conversation('conv_nobody')).status).toBe(429)
  })
})
