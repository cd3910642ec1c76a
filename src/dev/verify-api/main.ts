import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Command } from 'commander'
import { login } from '../bench/session-load.js'
import { startScratch, whole } from '../command.js'
import { projectRoot } from '../documents.js'
import { labPassword, startLab } from '../lab.js'
import { terminalProgress } from '../progress.js'
import { findSchemathesis, schemathesisEnvironment } from './schemathesis.js'

interface Options {
  base?: string
  examples: number
  seed?: number
  workers: number
  email: string
  password: string
}

const options = new Command('verify:api')
  .description('Schemathesis against /openapi.json with the token of a leadership user: no 5xx, nothing undocumented.')
  .option('--base <url>', 'a Parley that runs already, with high limits; without it one is started')
  .option('--examples <count>', 'requests that are made up for each operation', whole(1, 10_000), 25)
  .option('--seed <number>', 'of what is made up', whole(0, 2_147_483_647))
  .option('--workers <count>', 'requests at once', whole(1, 16), 2)
  .option('--email <email>', 'of the user', 'lead@acme.test')
  .option('--password <password>', 'of the user', labPassword)
  .parse()
  .opts<Options>()

/** What the document promises: a status, a type, headers and a schema for every answer, and nothing ever fails. */
const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'missing_required_header',
  'unsupported_method',
  'allow_header_conformance',
]

const progress = terminalProgress()
process.exit(await main())

async function main(): Promise<number> {
  const found = await progress.step('schemathesis', (detail) => findSchemathesis(join(projectRoot, '.parley'), detail))
  if ('missing' in found) {
    process.stdout.write(`skipped: ${found.missing}\n`)
    return 0
  }
  if (options.base) return await check(found, options.base)
  const { dataDir, supervisor, stop } = await startScratch({ name: 'verify-api', progress })
  try {
    const env = {
      RATE_LIMIT_ANONYMOUS: '10000000/minute',
      LOGIN_RATE_LIMIT: '10000000/minute',
      ANONYMOUS_MAX_ACTIVE: '100000',
    }
    const { apiUrl } = await startLab({ dataDir, supervisor, progress, split: false, env })
    return await check(found, apiUrl)
  } finally {
    await stop()
  }
}

/** @returns the status that the process ends with */
async function check({ program, args }: { program: string; args: string[] }, base: string): Promise<number> {
  const token = await login(base, options.email, options.password)
  const child = spawn(
    program,
    [
      ...args,
      ...['run', `${base}/openapi.json`, '--url', base],
      ...['--header', `Authorization: Bearer ${token}`],
      ...['--checks', checks.join(',')],
      ...['--max-examples', String(options.examples), '--workers', String(options.workers)],
      ...(options.seed === undefined ? [] : ['--seed', String(options.seed)]),
      ...['--continue-on-failure', '--no-color', '--request-timeout', '60'],
    ],
    { stdio: 'inherit', env: schemathesisEnvironment(), cwd: join(projectRoot, '.parley') },
  )
  const [code] = (await once(child, 'close')) as [number | null]
  return code ?? 1
}
