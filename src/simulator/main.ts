import { parseArgs } from 'node:util'
import { loadConfig } from '../config.js'
import { startSimulator } from './server.js'
import { accountsOf } from './webhooks/accounts.js'

// The simulator as a process of its own: one line of JSON says that it listens. Secrets of webhooks are those of the
// application's own variables (CLERK_WEBHOOK_SECRET and the others), so that both sides agree.

const usage = `usage: npm run simulator -- [--port 4010] [--host 127.0.0.1] [--data-dir folder] [--tavus-api-key key]
                            [--seed number] [--public-url url] [--webhook-target url]
                            [--webhook-signed-base url] [--only uwc]`

const [aloneKey, aloneSecret] = ['sim-uwc-key', 'sim-uwc-secret']

const help = `${usage}

  --port           0 takes a free one
  --data-dir       keeps the conversations there over a restart; without it they are in memory
  --tavus-api-key  the key that requests must carry; sim-tavus-key unless said
  --seed           makes its delays and texts repeatable
  --webhook-target       where signed webhooks are sent
  --webhook-signed-base  address that Twilio signs, when it is another one
  --only           uwc: the ML partner alone, as npm run simulator:uwc starts it on port 4011. Point the application at it
                   with UWC_BASE_URL, and with UWC_API_KEY=${aloneKey} and UWC_HMAC_SECRET=${aloneSecret} where they are not set
  --public-url     address of the rooms, when it is not http://HOST:PORT
`

function readOptions() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '4010' },
      host: { type: 'string', default: '127.0.0.1' },
      'data-dir': { type: 'string' },
      'tavus-api-key': { type: 'string', default: 'sim-tavus-key' },
      seed: { type: 'string' },
      'public-url': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
      'webhook-target': { type: 'string' },
      'webhook-signed-base': { type: 'string' },
      only: { type: 'string' },
    },
  })
  return {
    help: values.help,
    port: wholeNumber('--port', values.port, 65_535),
    host: values.host,
    apiKey: values['tavus-api-key'],
    dataDir: values['data-dir'],
    seed: values.seed === undefined ? undefined : wholeNumber('--seed', values.seed, 2 ** 32 - 1),
    publicUrl: optionalAddress('--public-url', values['public-url']),
    timings: {
      webhook_target: optionalAddress('--webhook-target', values['webhook-target']),
      webhook_signed_base: optionalAddress('--webhook-signed-base', values['webhook-signed-base']),
    },
    ...accountsFor(onlyOf(values.only)),
  }
}

function onlyOf(text: string | undefined): 'uwc' | undefined {
  if (text === undefined || text === 'uwc') return text
  throw new Error(`--only must be uwc, not "${text}"`)
}

/** Alone, the partner has an account that needs no settings. */
function accountsFor(only: 'uwc' | undefined) {
  const { secrets, uwcApiKey, ...others } = accountsOf(loadConfig())
  if (only === undefined) return { accounts: { secrets, uwcApiKey, ...others } }
  const uwc = secrets.uwc.length > 0 ? secrets.uwc : [aloneSecret]
  return { only, accounts: { ...others, secrets: { ...secrets, uwc }, uwcApiKey: uwcApiKey ?? aloneKey } }
}

function wholeNumber(flag: string, text: string, max: number): number {
  const value = Number(text)
  if (text !== '' && Number.isInteger(value) && value >= 0 && value <= max) return value
  throw new Error(`${flag} must be a whole number from 0 to ${max}, not "${text}"`)
}

function webAddress(flag: string, text: string): string {
  if (/^https?:\/\/[^\s/]+/.test(text)) return text
  throw new Error(`${flag} must be an http or https address, not "${text}"`)
}

const optionalAddress = (flag: string, text: string | undefined) =>
  text === undefined ? undefined : webAddress(flag, text)

function explain(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `the port is taken: ${message}; choose another with --port, or 0 for any`
  if (code?.startsWith('ERR_PARSE_ARGS')) return `${message}\n${usage}`
  return error instanceof Error ? error.message : String(error)
}

async function run(): Promise<void> {
  const { help: isAsked, ...options } = readOptions()
  if (isAsked) return void process.stdout.write(help)
  const simulator = await startSimulator(options)
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void simulator.close().then(() => process.exit(0)))
  process.stdout.write(`${JSON.stringify({ ready: true, url: simulator.url })}\n`)
}

await run().catch((error: unknown) => {
  process.stderr.write(`simulator: ${explain(error)}\n`)
  process.exit(1)
})
