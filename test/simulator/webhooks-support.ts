import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { WebhookAccounts } from '../../src/simulator/webhooks/accounts.js'
import type { SimulatorOptions } from '../../src/simulator/server.js'
import { onCleanup, start } from './support.js'

export const accounts: WebhookAccounts = {
  secrets: {
    elevenlabs: ['wsec_eleven'],
    livekit: ['livekit-secret-of-at-least-32-bytes'],
    twilio: ['twilio-token'],
    callrail: ['callrail-key'],
    clerk: ['whsec_Y2xlcmstc2VjcmV0LW9mLTI0LWJ5dGVz', 'whsec_YW5vdGhlci1zZWNyZXQtb2YtMjQtYg=='],
    bland: ['bland-secret'],
    uwc: ['whsec_dXdjLXNlY3JldC1vZi0yNC1ieXRlcyE='],
  },
  livekitKey: 'devkey',
  elevenlabsApiKey: 'eleven-key',
  uwcApiKey: 'uwc-key',
  blandApiKey: 'bland-key',
  script: {
    elevenlabsAgent: 'agent_simulated',
    twilioAccountSid: 'AC00000000000000000000000000000001',
    twilioNumber: '+15005550006',
    callrailCompany: 'COM00000000000000000000000000000001',
    callrailNumber: '+15005550007',
    clerkOrganization: 'org_simulated',
  },
}

export interface Hook {
  path: string
  query: string
  headers: IncomingHttpHeaders
  body: string
  at: number
}

export interface HookAnswer {
  status: number
  headers?: Record<string, string>
  body?: string
}

/** Where webhooks arrive; `answer` says what each is told, undefined hangs up. */
export async function hooks(answer: (hook: Hook, count: number) => HookAnswer | undefined = () => ({ status: 200 })) {
  const received: Hook[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const [path = '', query = ''] = (request.url ?? '').split('?')
      const hook = { path, query, headers: request.headers, body: Buffer.concat(chunks).toString(), at: Date.now() }
      received.push(hook)
      const told = answer(hook, received.length)
      if (told === undefined) return request.socket.destroy()
      response.writeHead(told.status, { 'content-type': 'application/json', ...told.headers }).end(told.body)
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stop = async () => {
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  onCleanup(stop)
  return { url: `http://127.0.0.1:${port}`, port, received, stop }
}

/** A simulator that sends to this address. */
export async function startSending(target: string | null, options: Partial<SimulatorOptions> = {}) {
  const timings = {
    webhook_target: target,
    webhook_retry_scale: 0.00001,
    bland_retry_delays_ms: [5, 5],
    ...options.timings,
  }
  const running = await start({ accounts, ...options, timings })
  const { simulator, post } = running
  const settled = async () => {
    for (let tries = 0; tries < 400; tries++) {
      const all = simulator.webhooks()
      if (all.length > 0 && all.every(({ pending }) => !pending)) return all
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error('webhooks are still on their way')
  }
  return { ...running, settled, send: (provider: string, body: object) => post(`/__sim/webhooks/${provider}`, body) }
}
