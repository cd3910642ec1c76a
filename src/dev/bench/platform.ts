import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { SignJWT } from 'jose'
import { Agent, request } from 'undici'
import { childEnvironment } from '../environment.js'
import { seedCompanies, seedUsers } from '../seed.js'
import { percentile } from './load.js'
import type { Row } from './phases.js'
import { layers } from './platform-layers.js'
import type { PlatformServerOptions } from './platform-server.js'

const jwtSecret = 'a-secret-of-the-benchmark-of-more-than-32-bytes'
const requestsARound = 100
const warmUpRounds = 5
const goalMs = 3

interface Variant {
  name: string
  url: string
  latencies: number[]
  stop: () => Promise<void>
}

/**
 * What each layer adds to a request that reads one row by its key. The variants (a bare Koa with pg, then one layer more
 * each) take turns of some requests one after the other, so that whatever else the machine does meets all of them alike.
 */
export async function platformLayers(
  { databaseUrl, adminUrl }: { databaseUrl: string; adminUrl: string },
  rounds: number,
): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-platform-'))
  const collector = await startCollector()
  const common = {
    jwtSecret,
    tenantId: seedCompanies.acme.id,
    userId: seedUsers.acmeRep.id,
    collectorUrl: collector.url,
  }
  const variants: Variant[] = []
  try {
    for (let count = 0; count <= layers.length; count++) {
      // Only the superuser may read a row without a tenant, which is what the floor does.
      const tenant = layers.slice(0, count).some(({ lookup }) => lookup)
      const url = tenant ? databaseUrl : adminUrl
      const name = count === 0 ? 'bare Koa and pg' : `+ ${layers[count - 1]?.name}`
      variants.push(
        await startVariant(name, { ...common, count, databaseUrl: url, logFile: join(folder, `${count}.log`) }),
      )
    }
    await measure(variants, rounds)
    return rowsOf(variants)
  } finally {
    await Promise.all(variants.map(({ stop }) => stop()))
    await collector.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(variants: readonly Variant[], rounds: number): Promise<void> {
  const token = await tokenOf()
  const agent = new Agent({ connections: 1, pipelining: 1 })
  for (let round = 0; round < warmUpRounds + rounds; round++)
    // Each round begins with another one.
    for (let n = 0; n < variants.length; n++) {
      const variant = variants[(n + round) % variants.length] as Variant
      for (let sent = 0; sent < requestsARound; sent++) {
        const began = performance.now()
        await askOnce(variant.url, token, agent)
        if (round >= warmUpRounds) variant.latencies.push(performance.now() - began)
      }
    }
  await agent.close()
}

async function askOnce(url: string, token: string, dispatcher: Agent): Promise<void> {
  const { statusCode, body } = await request(url, { dispatcher, headers: { authorization: `Bearer ${token}` } })
  const text = await body.text()
  if (statusCode !== 200 || text !== '{"found":true}') throw new Error(`${url} answered ${statusCode}: ${text}`)
}

function rowsOf(variants: readonly Variant[]): Row[] {
  const p50 = variants.map(({ latencies }) =>
    percentile(
      latencies.sort((a, b) => a - b),
      0.5,
    ),
  )
  const floor = p50[0] ?? Number.NaN
  const all = (p50.at(-1) ?? Number.NaN) - floor
  const ms = (value: number) => `${value.toFixed(2)} ms`
  const each = variants.slice(1).map(({ name }, n) => ({
    what: `request, p50: ${name}`,
    value: `+ ${ms((p50[n + 1] ?? Number.NaN) - (p50[n] ?? Number.NaN))}`,
    goal: '',
    ok: true,
  }))
  return [
    { what: 'request, p50: bare Koa and pg', value: ms(floor), goal: '', ok: true },
    ...each,
    {
      what: 'request, p50: all of it',
      value: `+ ${ms(all)}`,
      floor: ms(floor),
      goal: `<= ${goalMs} ms`,
      ok: all <= goalMs,
    },
  ]
}

const tokenOf = () =>
  new SignJWT({ email: seedUsers.acmeRep.email, company_id: seedCompanies.acme.id, role: 'rep' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(seedUsers.acmeRep.id)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(jwtSecret))

async function startVariant(name: string, options: PlatformServerOptions): Promise<Variant> {
  const file = fileURLToPath(new URL('./platform-server.js', import.meta.url))
  const child = spawn(process.execPath, ['--max-semi-space-size=32', file, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: childEnvironment({ OTEL_SERVICE_NAME: undefined }),
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { port } = JSON.parse(line) as { port: number }
  return {
    name,
    url: `http://127.0.0.1:${port}/`,
    latencies: [],
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Takes every span, and keeps none. */
async function startCollector() {
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => response.end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
