import { describe, expect, it } from 'vitest'
import { meetingToken, tokenRefusal } from '../../src/simulator/meeting-token.js'
import { cleanUpAfterEach, start } from './support.js'

cleanUpAfterEach()

describe('a meeting token', () => {
  it('opens its room until it expires, and nothing else does', () => {
    const token = meetingToken('c1', 60, 'key')
    expect(tokenRefusal(token, token)).toBeUndefined()
    expect(tokenRefusal(token, undefined)).toBe('not-allowed')
    expect(tokenRefusal(token, meetingToken('c2', 60, 'key'))).toBe('not-allowed')
    const old = meetingToken('c1', -1, 'key')
    expect(tokenRefusal(old, old)).toBe('exp-token')
  })
})

describe('the room', () => {
  it('is a page that may be framed and needs nothing from elsewhere', async () => {
    const { create, get } = await start()
    const { conversation_id: id } = await create()
    const page = await get(`/room/${id}?t=token`)
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(page.headers.get('x-frame-options') ?? page.headers.get('content-security-policy')).toBeNull()
    expect(page.text).not.toMatch(/https?:\/\//)
    const types = await Promise.all(
      ['room.css', 'room.js'].map(async (file) => (await get(`/room-assets/${file}`)).headers.get('content-type')),
    )
    expect(types).toEqual(['text/css; charset=utf-8', 'text/javascript; charset=utf-8'])
    expect((await get(`/hosted/${id}`)).headers.get('location')).toBe(`/room/${id}`)
  })

  it('knows who comes and goes, and ends after the last one left', async () => {
    const { simulator, create, get, post } = await start()
    const { conversation_id: id } = await create({
      properties: { participant_left_timeout: 1, participant_absent_timeout: 1 },
    })
    const join = async (body = {}) => (await post(`/room/${id}/join`, body)).body
    const first = await join()
    expect(await join({ participant_id: first.participant_id })).toMatchObject({ participants: 1 })
    const second = await join()
    expect(second.participants).toBe(2)
    expect(simulator.conversation(id)?.human_joined_at).toMatch(/Z$/)
    await post(`/room/${id}/leave`, { participant_id: first.participant_id })
    await new Promise((resolve) => setTimeout(resolve, 1200))
    expect((await get(`/room/${id}/status`)).body).toMatchObject({
      status: 'active',
      participants: 1,
      avatar_joined: true,
    })
    await post(`/room/${id}/leave`, JSON.stringify({ participant_id: second.participant_id }), {
      'content-type': 'text/plain',
    })
    expect(simulator.conversation(id)?.status).toBe('active')
    await expect.poll(() => simulator.conversation(id)?.status, { timeout: 2500 }).toBe('ended')
    expect(simulator.conversation(id)?.shutdown_reason).toMatch(/^participant_left_timeout/)
  })

  it('waits on when the one who left comes back', async () => {
    const { simulator, create, post } = await start()
    const { conversation_id: id } = await create({ properties: { participant_left_timeout: 1 } })
    const { participant_id } = (await post(`/room/${id}/join`, {})).body
    await post(`/room/${id}/leave`, { participant_id })
    await post(`/room/${id}/join`, { participant_id })
    await new Promise((resolve) => setTimeout(resolve, 1300))
    expect(simulator.conversation(id)?.status).toBe('active')
  })

  it('says why somebody may not come in', async () => {
    const { call, create, post } = await start()
    const ended = await create()
    await post(`/v2/conversations/${ended.conversation_id}/end`)
    const deleted = await create()
    await call('DELETE', `/v2/conversations/${deleted.conversation_id}`)
    const locked = await create({ require_auth: true })
    const small = await create({ max_participants: 2 })
    await post(`/room/${small.conversation_id}/join`, {})
    const answer = async (id: string, body = {}) => {
      const { status, body: said } = await post(`/room/${id}/join`, body)
      return [status, said.error]
    }
    expect(await answer('c0')).toEqual([404, 'no-room'])
    expect(await answer(ended.conversation_id)).toEqual([410, 'exp-room'])
    expect(await answer(deleted.conversation_id)).toEqual([404, 'no-room'])
    expect(await answer(locked.conversation_id, { token: 'x' })).toEqual([403, 'not-allowed'])
    expect(await answer(small.conversation_id)).toEqual([403, 'meeting-full'])
    expect(
      (
        await post(`/room/${locked.conversation_id}/join`, {
          token: (locked as { meeting_token?: string }).meeting_token,
        })
      ).status,
    ).toBe(200)
  })

  it('tells its page when the avatar comes and when it is over', async () => {
    const { simulator, create, post } = await start({ timings: { join_delay_ms: 100 } })
    const { conversation_id: id } = await create()
    const response = await fetch(`${simulator.url}/room/${id}/status`, { headers: { accept: 'text/event-stream' } })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    let text = ''
    const reading = (async () => {
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk as Uint8Array).toString()
    })().catch(() => undefined)
    await expect.poll(() => text).toContain('"avatar_joined":true')
    await post(`/v2/conversations/${id}/end`)
    await expect.poll(() => text).toContain('"status":"ended"')
    await simulator.close()
    await reading
  })

  it('takes a page that vanished for somebody who left', async () => {
    const { simulator, create, post, get } = await start()
    const { conversation_id: id } = await create()
    const { participant_id } = (await post(`/room/${id}/join`, {})).body
    const page = new AbortController()
    const headers = { accept: 'text/event-stream' }
    await fetch(`${simulator.url}/room/${id}/status?participant=${participant_id}`, { headers, signal: page.signal })
    page.abort()
    expect((await get(`/room/${id}/status`)).body.participants).toBe(1)
    await expect.poll(() => simulator.conversation(id)?.status, { timeout: 5000 }).toBe('ended')
  })
})
