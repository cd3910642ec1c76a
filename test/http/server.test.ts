import { once } from 'node:events'
import { Agent, request as send, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import Koa from 'koa'
import { afterEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.js'
import type { RequestState } from '../../src/http/context.js'
import { createHttpServer, type HttpServer } from '../../src/http/server.js'

let server: HttpServer
afterEach(() => server.close())

let release: () => void = () => undefined

async function start(env: Record<string, string> = {}) {
  const app = new Koa<RequestState>()
  app.use(async (ctx) => {
    if (ctx.path === '/begun') ctx.res.write('begun, ')
    if (ctx.path !== '/') await new Promise<void>((resolve) => (release = resolve))
    ctx.respond = false
    ctx.res.end('done')
  })
  server = await createHttpServer(app, loadConfig({ NODE_ENV: 'test', PORT: '0', SHUTDOWN_GRACE_SECONDS: '2', ...env }))
}

const get = (path: string, agent?: Agent) =>
  new Promise<{ text: string; headers: IncomingMessage['headers'] }>((resolve, reject) => {
    send(`${server.url}${path}`, agent ? { agent } : {}, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve({ text, headers: response.headers }))
    })
      .on('error', reject)
      .end()
  })

const raw = (): Socket => connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => undefined)

async function everythingFrom(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString()))
  await once(socket, 'close')
  return text
}

describe('the server', () => {
  it('listens on a free port and says where', async () => {
    await start()
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect((await get('/')).text).toBe('done')
  })

  it('rejects when its port is taken', async () => {
    await start()
    const config = loadConfig({ NODE_ENV: 'test', PORT: new URL(server.url).port })
    await expect(createHttpServer(new Koa<RequestState>(), config)).rejects.toThrow('EADDRINUSE')
  })

  it('answers what is no HTTP with a problem', async () => {
    await start()
    const socket = raw()
    socket.write('NONSENSE\r\n\r\n')
    const answer = await everythingFrom(socket)
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/problem\+json/)
    expect(answer).toContain('"code":"malformed_request"')
  })

  it('answers headers that are too large with 431', async () => {
    await start()
    const socket = raw()
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`)
    expect(await everythingFrom(socket)).toMatch(/^HTTP\/1\.1 431 /)
  })

  it('cuts off a client that is too slow to send its request', async () => {
    await start({ REQUEST_TIMEOUT_SECONDS: '1' })
    const socket = raw()
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-')
    expect(await everythingFrom(socket)).toMatch(/^HTTP\/1\.1 408 /)
  })
})

describe('a server that closes', () => {
  it('finishes what began, takes nothing new, and keeps no connection', async () => {
    await start()
    const agent = new Agent({ keepAlive: true })
    await get('/', agent)
    const answer = get('/wait', agent)
    await expect.poll(() => Object.keys(agent.sockets).length).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const closed = server.close()
    await expect(get('/')).rejects.toThrow('ECONNREFUSED')
    release()
    const { text, headers } = await answer
    expect([text, headers.connection]).toEqual(['done', 'close'])
    const started = performance.now()
    await closed
    expect(performance.now() - started).toBeLessThan(1000)
    agent.destroy()
  })

  it('does not keep a connection whose answer had begun before', async () => {
    await start()
    const agent = new Agent({ keepAlive: true })
    const answer = get('/begun', agent)
    await new Promise((resolve) => setTimeout(resolve, 200))
    const closed = server.close()
    release()
    expect((await answer).text).toBe('begun, done')
    const started = performance.now()
    await closed
    expect(performance.now() - started).toBeLessThan(1000)
    agent.destroy()
  })

  it('does not wait for idle connections', async () => {
    await start()
    const agent = new Agent({ keepAlive: true })
    await get('/', agent)
    const started = performance.now()
    await server.close()
    expect(performance.now() - started).toBeLessThan(1000)
    agent.destroy()
  })

  it('cuts what lasts longer than the grace', async () => {
    await start({ SHUTDOWN_GRACE_SECONDS: '1' })
    const answer = get('/wait').catch((error: unknown) => error)
    await new Promise((resolve) => setTimeout(resolve, 200))
    const started = performance.now()
    await server.close()
    expect(performance.now() - started).toBeGreaterThan(700)
    expect(await answer).toBeInstanceOf(Error)
    release()
  })
})
