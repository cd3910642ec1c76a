import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { seedUsers } from '../../src/dev/seed.js'
import { tokenFor } from '../http/harness.js'
import { actors, createWorld, type World } from '../store/world.js'
import { call } from '../support/client.js'
import { connect, listenTo, type Node, refused, startNode, tokenOf } from './harness.js'

let world: World
let node: Node
let other: Node
beforeAll(async () => {
  world = await createWorld()
  node = await startNode(world, { env: { CORS_ORIGINS: 'https://app.example.org' } })
  other = await startNode(world)
})
afterAll(async () => {
  await node.stop()
  await other.stop()
  await world.close()
})

const channel = `tenant:${actors.acmeLead.tenantId}:events`
const address = () => `${node.wsUrl}/ws`
const opened = async (url: string, protocols: string[] = [], headers: Record<string, string> = {}) => {
  const socket = new WebSocket(url, protocols, { headers })
  const client = listenTo(socket)
  await once(socket, 'open')
  return client
}
const ticketFor = async (actor = actors.acmeLead, url = node.url) => {
  const { status, body, headers } = await call(`${url}/ws/tickets`, { token: await tokenOf(actor), body: {} })
  expect(status).toBe(201)
  expect(headers.get('cache-control')).toBe('no-store')
  return body as { ticket: string; expires_in: number }
}

describe('a WebSocket is opened @integration', () => {
  it('with a token in the header', async () => {
    const client = await connect(node, actors.acmeLead)
    expect(client.socket.protocol).toBe('')
    expect(await client.subscribe(channel)).toMatchObject({ type: 'subscribed', channel })
    await client.close()
  })

  it('with a token as a subprotocol, and the answer is the other one', async () => {
    const client = await opened(address(), ['parley.v1', `bearer.${await tokenOf(actors.acmeLead)}`])
    expect(client.socket.protocol).toBe('parley.v1')
    expect(await client.subscribe(channel)).toMatchObject({ type: 'subscribed' })
    await client.close()
  })

  it('with a ticket of another process, once', async () => {
    const { ticket, expires_in } = await ticketFor(actors.acmeLead, other.url)
    expect(expires_in).toBe(30)
    const client = await opened(`${address()}?ticket=${ticket}`)
    expect(await client.subscribe(channel)).toMatchObject({ type: 'subscribed' })
    await client.close()
    expect(await refused(`${address()}?ticket=${ticket}`)).toMatchObject({
      status: 401,
      body: { code: 'ticket_invalid' },
    })
  })

  it('with a ticket by one of two who use it at once', async () => {
    const { ticket } = await ticketFor()
    const tries = await Promise.allSettled([
      opened(`${address()}?ticket=${ticket}`),
      opened(`${other.wsUrl}/ws?ticket=${ticket}`),
    ])
    expect(tries.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    for (const one of tries) if (one.status === 'fulfilled') await one.value.close()
  })

  it('from an origin that may call', async () => {
    const client = await opened(address(), [], {
      origin: 'https://app.example.org',
      authorization: `Bearer ${await tokenOf(actors.acmeLead)}`,
    })
    await client.close()
  })

  it('and is counted by its pattern, with the ids of its request in the answer', async () => {
    const socket = new WebSocket(address(), {
      headers: { authorization: `Bearer ${await tokenOf(actors.acmeRep)}`, 'x-request-id': 'my-request' },
    })
    const [response] = (await once(socket, 'upgrade')) as [{ headers: Record<string, string> }]
    expect(response.headers['x-request-id']).toBe('my-request')
    expect(response.headers['x-trace-id']).toMatch(/^[0-9a-f]{32}$/)
    expect(await node.metric('ws_connections')).toEqual(['ws_connections{transport="websocket"} 1'])
    socket.close()
    await once(socket, 'close')
    await expect.poll(() => node.metric('ws_connections')).toEqual(['ws_connections{transport="websocket"} 0'])
    expect((await node.metric('http_requests_total{route="/ws",method="GET",status="101"}')).length).toBe(1)
    expect(node.lines.some((line) => line.route === '/ws' && line.status === 101)).toBe(true)
  })
})

describe('a WebSocket is refused by a problem @integration', () => {
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

  it('without a token', async () => {
    const answer = await refused(address())
    expect(answer).toMatchObject({ status: 401, body: { code: 'token_missing', status: 401, instance: '/ws' } })
    expect(answer.type).toContain('application/problem+json')
    expect(answer.headers['www-authenticate']).toBe('Bearer')
  })

  it('with a token that has expired, is forged, or is nonsense', async () => {
    expect(await refused(address(), bearer(await tokenFor({}, { expiresInSeconds: -5 })))).toMatchObject({
      status: 401,
      body: { code: 'token_expired' },
    })
    const forged = await tokenFor({}, { key: 'another-secret-with-more-than-32-bytes-in-it' })
    expect(await refused(address(), bearer(forged))).toMatchObject({ status: 401, body: { code: 'token_invalid' } })
    expect(await refused(address(), { protocols: ['parley.v1', 'bearer.x.y.z'] })).toMatchObject({
      status: 401,
      body: { code: 'token_invalid' },
    })
  })

  it('with a token of no company', async () => {
    const token = await tokenFor({ company_id: undefined as never })
    expect(await refused(address(), bearer(token))).toMatchObject({ status: 403, body: { code: 'tenant_missing' } })
  })

  it('with a token in the address', async () => {
    const token = await tokenOf(actors.acmeLead)
    expect(await refused(`${address()}?token=${token}`)).toMatchObject({ status: 401 })
    expect(await refused(`${address()}?access_token=${token}`, bearer(token))).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: 'query/access_token', detail: 'unknown field' }] },
    })
  })

  it('with a ticket that is unknown or too old', async () => {
    expect(await refused(`${address()}?ticket=nonsense`)).toMatchObject({
      status: 401,
      body: { code: 'ticket_invalid' },
    })
    const { ticket } = await ticketFor()
    await world.admin(`update ws_tickets set expires_at = now() - interval '1 second'`)
    expect(await refused(`${address()}?ticket=${ticket}`)).toMatchObject({
      status: 401,
      body: { code: 'ticket_invalid' },
    })
    expect(await world.admin('select from ws_tickets')).toEqual([])
  })

  it('from another origin, whatever the token', async () => {
    const token = await tokenOf(actors.acmeLead)
    expect(
      await refused(address(), { headers: { origin: 'https://evil.example', authorization: `Bearer ${token}` } }),
    ).toMatchObject({ status: 403, body: { code: 'origin_not_allowed' } })
  })

  it('at another path', async () => {
    const headers = { authorization: `Bearer ${await tokenOf(actors.acmeLead)}` }
    expect(await refused(`${node.wsUrl}/nowhere`, { headers })).toMatchObject({ status: 404 })
    expect(await refused(`${node.wsUrl}/ws/tickets`, { headers })).toMatchObject({ status: 405 })
  })

  it('when it does not ask for one, or not properly', async () => {
    const token = await tokenOf(actors.acmeLead)
    const plain = await call(`${node.url}/ws`, { method: 'GET', token })
    expect(plain).toMatchObject({ status: 426, body: { code: 'upgrade_required' } })
    expect(plain.headers.get('upgrade')).toBe('websocket')
    const head = (more: string) =>
      `GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer ${token}\r\n${more}\r\n`
    expect(await rawAnswer(head('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n'))).toMatch(
      /^HTTP\/1\.1 400 /,
    )
    expect(
      await rawAnswer(head('Sec-WebSocket-Version: 7\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n')),
    ).toMatch(/^HTTP\/1\.1 426 [\s\S]*sec-websocket-version: 13/i)
  })
})

describe('an offer of another protocol @integration', () => {
  it('is passed over: the request is answered as what else it is, its body too', async () => {
    const body = JSON.stringify({ nonsense: 1 })
    const answer = await rawAnswer(
      `POST /auth/login HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 422 /)
    expect(answer).toContain('"/nonsense"')
    expect(await rawAnswer('GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 200 /,
    )
  })

  it('is passed over for a WebSocket that is not got', async () => {
    const answer = await rawAnswer(
      'POST /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\n{}',
    )
    expect(answer).toMatch(/^HTTP\/1\.1 405 /)
  })
})

describe('POST /ws/tickets @multitenant', () => {
  it('stores only a digest, and whose it is', async () => {
    await world.admin('delete from ws_tickets')
    const { ticket } = await ticketFor(actors.acmeRep)
    const rows = await world.admin('select tenant_id, user_id, role, ws_tickets::text as whole from ws_tickets')
    expect(rows).toMatchObject([{ tenant_id: actors.acmeRep.tenantId, user_id: seedUsers.acmeRep.id, role: 'rep' }])
    expect(rows[0]?.whole).not.toContain(ticket)
  })

  it('takes old tickets with it', async () => {
    await world.admin(`update ws_tickets set expires_at = now() - interval '1 minute'`)
    await ticketFor(actors.acmeRep)
    await expect.poll(() => world.admin('select from ws_tickets where expires_at < now()')).toEqual([])
  })

  it('wants a token of a company, and nothing else', async () => {
    expect(await call(`${node.url}/ws/tickets`, {})).toMatchObject({ status: 401 })
    const stranger = await tokenFor({ company_id: undefined as never })
    expect(await call(`${node.url}/ws/tickets`, { token: stranger })).toMatchObject({ status: 403 })
    const token = await tokenOf(actors.acmeLead)
    expect(await call(`${node.url}/ws/tickets`, { token, body: { tenant_id: randomUUID() } })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/tenant_id' }] },
    })
  })
})

/** Everything that comes back before the other side is done; it is given a moment for more. */
async function rawAnswer(request: string): Promise<string> {
  const socket = connectTcp(Number(new URL(node.url).port), '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString()))
  socket.on('error', () => undefined)
  socket.write(request)
  await expect.poll(() => text, { timeout: 10_000 }).toMatch(/\r\n\r\n[\s\S]+/)
  socket.destroy()
  return text
}
