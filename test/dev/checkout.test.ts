import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  applicationEnvironment,
  environmentToCheck,
  needsSimulator,
  simulatedProviders,
} from '../../src/dev/application-environment.js'
import { banner, endLine, startLine } from '../../src/dev/banner.js'
import { lockCheckout } from '../../src/dev/checkout-lock.js'
import { choosePorts, type CheckoutPorts, rememberPorts } from '../../src/dev/checkout-ports.js'
import { isTaken, takeLock } from '../../src/dev/file-lock.js'
import { identify } from '../../src/dev/process-identity.js'
import { createProgress } from '../../src/dev/progress.js'
import { loadSecrets } from '../../src/dev/secrets.js'
import { loadConfig } from '../../src/config.js'
import { temporaryFolder } from './folder.js'

async function listening(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

describe('ports of a checkout', () => {
  const choosing = (file: string, standard: number, wanted?: number) => {
    const said: string[] = []
    const options = { file, host: '127.0.0.1', wanted, standard, say: (message: string) => said.push(message) }
    /** A start that comes to be ready. */
    const start = async () => {
      const ports = await choosePorts(options)
      rememberPorts(options, ports)
      return ports
    }
    return { said, start, ports: () => choosePorts(options) }
  }

  it('stay the same from start to start', async () => {
    const { start } = choosing(join(temporaryFolder(), 'ports.json'), 18_000)
    const first = await start()
    expect(await start()).toEqual(first)
    expect(new Set(Object.values(first)).size).toBe(6)
  })

  it.each([18_451, 0])('forget PORT=%i when the next start does not name it', async (wanted) => {
    const file = join(temporaryFolder(), 'ports.json')
    const named = await choosing(file, 18_000, wanted).start()
    const { api } = await choosing(file, 18_000).start()
    expect(api).not.toBe(named.api)
    await choosing(file, 18_000, wanted).start()
    expect((await choosing(file, 19_000).start()).api).toBe(api)
  })

  it('are not noted by a start that failed', async () => {
    const file = join(temporaryFolder(), 'ports.json')
    await choosing(file, 18_000).ports()
    expect(existsSync(file)).toBe(false)
  })

  it('give way when the standard one is taken, and that is said', async () => {
    const taken = await listening()
    const { ports, said } = choosing(join(temporaryFolder(), 'ports.json'), taken)
    expect((await ports()).api).toBeGreaterThan(taken)
    expect(said).toEqual([expect.stringContaining(`port ${taken} is taken`)])
  })

  it('refuse to give way when the user named one', async () => {
    const taken = await listening()
    const { ports } = choosing(join(temporaryFolder(), 'ports.json'), 18_000, taken)
    await expect(ports()).rejects.toThrow(`port ${taken} is taken: end what listens there, or set PORT`)
  })

  it('are chosen anew when another holds the one of the last start', async () => {
    const file = join(temporaryFolder(), 'ports.json')
    const taken = await listening()
    const first = await choosing(file, 18_000).start()
    writeFileSync(file, JSON.stringify({ ...first, simulator: taken }))
    const second = await choosing(file, 18_000).ports()
    expect(second).toEqual({ ...first, simulator: second.simulator })
    expect(second.simulator).not.toBe(taken)
  })
})

describe('the lock of a checkout', () => {
  it('tells a second start where the first one answers', async () => {
    const file = join(temporaryFolder(), 'lock.json')
    const lock = await lockCheckout(file, () => undefined)
    lock.running('http://127.0.0.1:8000')
    const second = lockCheckout(file, () => undefined)
    await expect(second).rejects.toThrow(`already runs here at http://127.0.0.1:8000 (process ${process.pid})`)
    lock.release()
    expect(isTaken(takeLock(file))).toBe(false)
  })

  it('waits for one that is stopping', async () => {
    const file = join(temporaryFolder(), 'lock.json')
    const said: string[] = []
    const first = await lockCheckout(file, () => undefined)
    first.stopping()
    const second = lockCheckout(file, (message) => said.push(message))
    setTimeout(() => first.release(), 300)
    ;(await second).release()
    expect(said).toEqual([`process ${process.pid} is still stopping: waiting for it`])
  })

  it.each([
    ['a dead process', () => ({ pid: spawnSync(process.execPath, ['-e', '']).pid, startedAt: '1' })],
    ['a process whose id is another’s by now', () => ({ ...identify(process.pid), startedAt: '1' })],
  ])('is taken from %s', (_whom, holder) => {
    const file = join(temporaryFolder(), 'lock.json')
    writeFileSync(file, JSON.stringify(holder()))
    expect(isTaken(takeLock(file))).toBe(false)
  })

  it('is taken from a start that a power cut left half written', () => {
    const file = join(temporaryFolder(), 'lock.json')
    writeFileSync(file, '{"pid"')
    expect(isTaken(takeLock(file))).toBe(false)
  })
})

describe('secrets of a checkout', () => {
  it('stay, and only their owner may read them', () => {
    const file = join(temporaryFolder(), 'secrets.json')
    const first = loadSecrets(file)
    expect(loadSecrets(file)).toEqual(first)
    expect(new Set(Object.values(first)).size).toBe(Object.keys(first).length)
    expect(first.jwtSecret.length).toBeGreaterThanOrEqual(32)
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('are completed when one is missing', () => {
    const file = join(temporaryFolder(), 'secrets.json')
    const { jwtSecret } = loadSecrets(file)
    writeFileSync(file, JSON.stringify({ jwtSecret }), { mode: 0o644 })
    expect(loadSecrets(file).jwtSecret).toBe(jwtSecret)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveProperty('postgresPassword')
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })
})

describe('the environment of the application', () => {
  const ports: CheckoutPorts = { api: 1, postgres: 2, temporal: 3, temporalUi: 4, simulator: 5, workerMetrics: 6 }
  const secrets = {
    postgresPassword: 'a',
    ownerPassword: 'b',
    applicationPassword: 'c',
    jwtSecret: 'd'.repeat(43),
    simulatedSecret: 'e',
  }
  const addresses = {
    databaseUrl: 'postgres://app',
    migrationUrl: 'postgres://owner',
    temporal: '127.0.0.1:3',
    temporalUi: undefined,
  }
  const built = (simulator: string | undefined) =>
    applicationEnvironment(loadConfig({}), { ports, secrets, addresses: { ...addresses, simulator } })

  it('points every provider at the simulator when there is one', () => {
    expect(built('http://127.0.0.1:5')).toMatchObject({
      PORT: '1',
      DATABASE_URL: 'postgres://app',
      TAVUS_BASE_URL: 'http://127.0.0.1:5',
      TAVUS_API_KEY: 'sim-tavus-key',
      CUSTOM_LLM_BASE_URL: 'http://127.0.0.1:5/llm',
    })
  })

  it('says nothing of providers without a simulator', () => {
    expect(built(undefined).TAVUS_API_KEY).toBeUndefined()
    expect(built(undefined).TAVUS_BASE_URL).toBeUndefined()
  })

  it('gives every provider without an account the simulator’s, with secrets of this checkout', () => {
    const [first, second] = [built('http://127.0.0.1:5'), simulatedProviders('http://127.0.0.1:5', { secret: 'f' })]
    const webhooks = (env: Record<string, string | undefined>) => {
      const { elevenlabs, livekit, twilio, callrail, clerk, bland, uwc } = loadConfig(env)
      const secrets = [elevenlabs, livekit, callrail, clerk, bland, uwc].map(({ webhookSecrets }) => webhookSecrets[0])
      return [...secrets, twilio.authTokens[0], elevenlabs.apiKey]
    }
    expect(new Set([...webhooks(first), ...webhooks(second)]).size).toBe(16)
    expect(first).toMatchObject({
      LIVEKIT_API_KEY: 'devkey',
      LIVEKIT_URL: 'http://127.0.0.1:5',
      TWILIO_ACCOUNT_SID: 'AC00000000000000000000000000000001',
      TWILIO_BASE_URL: 'http://127.0.0.1:5',
      CALLRAIL_ACCOUNT_ID: 'COM00000000000000000000000000000001',
      ELEVENLABS_AGENT_ID: 'agent_simulated',
    })
    expect(first.CLERK_WEBHOOK_SECRET).toMatch(/^whsec_[\w+/]{43}=$/)
  })

  it('leaves alone what the user has set, and an account of his own wholly', () => {
    const given = {
      TAVUS_API_KEY: 'real',
      TWILIO_AUTH_TOKEN: 'mine',
      ELEVENLABS_AGENT_ID: 'agent_mine',
      UWC_HMAC_SECRET: ' ',
    }
    const env = simulatedProviders('http://127.0.0.1:5', { given, secret: 'f' })
    expect(Object.keys(env).filter((name) => /^(TAVUS|TWILIO)_/.test(name))).toEqual([])
    expect(env).not.toHaveProperty('ELEVENLABS_AGENT_ID')
    expect(env.ELEVENLABS_BASE_URL).toBe('http://127.0.0.1:5')
    expect(env.UWC_HMAC_SECRET).toMatch(/^whsec_/)
    expect(simulatedProviders('http://s', { given: { ...given, DEV_ACCEPT_UNSIGNED: 'true' }, secret: 'f' })).toEqual(
      {},
    )
  })

  it('needs a simulator as long as one provider is left to it, and never in production', () => {
    expect(needsSimulator({ TAVUS_API_KEY: 'real' })).toBe(true)
    expect(needsSimulator({ TAVUS_API_KEY: 'real', DEV_ACCEPT_UNSIGNED: 'true' })).toBe(false)
    expect(needsSimulator({ NODE_ENV: 'production' })).toBe(false)
  })

  it('needs no model of the user’s own while everything is simulated, but one beside a real key', () => {
    const custom = { TAVUS_CUSTOM_LLM_ENABLE: 'true' }
    expect(loadConfig(environmentToCheck(custom)).customLlm.enabled).toBe(true)
    expect(() => loadConfig(environmentToCheck({ ...custom, TAVUS_API_KEY: 'real' }))).toThrow('CUSTOM_LLM_BASE_URL')
  })
})

describe('what a start says', () => {
  it('ends with lines that log in, start a session and end it, in any shell and whatever the password', () => {
    const demo = { email: 'lead@acme.test', password: `it's "quoted" $HOME` }
    // curl of this shell answers as the API does, and shows what it was given.
    const curl = `curl() { printf '[%s]' "$@" >&2; printf '\n' >&2; case "$*" in
      *login*) echo '{"refresh_token":"no","token":"ey.J-_","user":{"id":"1"}}';;
      *start*) echo '{"conversation_id":"c1","session_id":"s1","debug":{"tavus_conversation_id":"no"}}';; esac; }`
    const script = `${curl}\n${startLine('http://h', demo)}\n${endLine('http://h')}\nprintf '<%s>' "$TOKEN" >&2`
    const { stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
    expect(stderr).toContain(`[${JSON.stringify(demo)}]`)
    expect(stderr).toContain('[-X][POST][http://h/tavus/start][-H][authorization: Bearer ey.J-_]')
    expect(stderr).toContain('[-X][POST][http://h/tavus/end/c1][-H][authorization: Bearer ey.J-_]')
    expect(stderr).toContain('<ey.J-_>')
    expect(JSON.parse(stdout)).toMatchObject({ session_id: 's1' })
  })

  it('names no login when the database is not its own', () => {
    const shown = banner({
      url: 'http://h',
      temporalUi: undefined,
      simulator: undefined,
      demo: undefined,
      dataDir: '/d',
    })
    expect(shown).not.toMatch(/login|simulator|Temporal/)
  })

  it('is nothing for a short step, and lines with the time for a long one', async () => {
    const lines: string[] = []
    const progress = createProgress((line) => lines.push(line))
    await progress.step('short', () => Promise.resolve())
    expect(lines).toEqual([])
    await progress.step('long', (detail) => {
      detail('half')
      return new Promise((resolve) => setTimeout(resolve, 2_300))
    })
    expect(lines).toEqual([expect.stringMatching(/^… long: half 2\.\d s$/), expect.stringMatching(/^✓ long 2\.\d s$/)])
  })
})
