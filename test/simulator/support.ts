import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect } from 'vitest'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/server.js'

export const apiKey = 'test-key'

export interface Answer {
  status: number
  text: string
  headers: Headers
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- wire answers are looked at field by field
  body: any
}

export interface Received {
  url: string
  headers: IncomingMessage['headers']
  body: {
    event_type: string
    conversation_id: string
    timestamp: string
    webhook_url: string
    message_type: string
    properties: Record<string, unknown>
  }
  at: number
}

const cleanups: (() => Promise<unknown>)[] = []

/** Call at the top of a test file: ends what its tests have started. */
export function cleanUpAfterEach(): void {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })
}

export const onCleanup = (cleanup: () => Promise<unknown>): void => void cleanups.push(cleanup)

/** Short times, so that a test sees a whole life. */
const quick = {
  join_delay_ms: 10,
  shutdown_delay_ms: 5,
  transcript_delay_ms: 5,
  recording_delay_ms: 5,
  perception_delay_ms: 5,
  perception_rate: 0,
  llm_cold_ms: 200,
  llm_token_ms: 2,
} as const

export async function start(options: Partial<SimulatorOptions> = {}) {
  const timings = { ...quick, ...options.timings }
  const simulator = await startSimulator({ port: 0, host: '127.0.0.1', apiKey, seed: 1, ...options, timings })
  onCleanup(() => simulator.close().catch(() => undefined))
  return { simulator, ...createCalls(simulator) }
}

function createCalls({ url }: Simulator) {
  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(url + path, {
      method,
      headers: {
        'x-api-key': apiKey,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      redirect: 'manual',
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') ?? false
    return {
      status: response.status,
      text,
      headers: response.headers,
      body: isJson ? (JSON.parse(text) as unknown) : undefined,
    }
  }
  return {
    call,
    get: (path: string, headers?: Record<string, string>) => call('GET', path, undefined, headers),
    post: (path: string, body?: unknown, headers?: Record<string, string>) => call('POST', path, body, headers),
    create: async (body: object = {}) =>
      (await call('POST', '/v2/conversations', body)).body as { conversation_id: string },
    fault: async (body: object) => {
      const answer = await call('POST', '/__sim/faults', body)
      expect(answer.status).toBe(201)
      return answer.body as { id: number }
    },
  }
}

/** Where callbacks arrive. */
export async function receiver(answer: (received: Received, count: number) => number | Promise<number> = () => 200) {
  const received: Received[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Received['body']
      const one = { url: request.url ?? '', headers: request.headers, body, at: Date.now() }
      received.push(one)
      response.statusCode = await answer(one, received.length)
      response.end()
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onCleanup(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  const types = () => received.map(({ body }) => body.event_type)
  const of = (type: string) => received.filter(({ body }) => body.event_type === type)
  return { url: `http://127.0.0.1:${port}/hook?session=s1&token=abcdef`, received, types, of }
}

export const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
