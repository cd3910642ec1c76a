import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectRoot } from '../../src/dev/documents.js'
import { foreignEnvironment } from '../../src/dev/environment.js'
import { secretsForShell } from '../../src/dev/shell-secrets.js'
import { seedDevelopment } from '../../src/dev/seed.js'
import { simulatedWebhooks } from '../../src/dev/simulated-providers.js'
import { startEngine, type TestEngine } from '../webhooks/harness.js'

const document = readFileSync(join(projectRoot, 'docs', 'webhooks.md'), 'utf8')
const secret = 'of-this-checkout'
const publicUrl = 'https://hooks.example.com'
let engine: TestEngine
beforeAll(async () => {
  const { LIVEKIT_URL: _, ...variables } = simulatedWebhooks('http://127.0.0.1:1', { given: {}, secret })
  engine = await startEngine({ env: { ...variables, PUBLIC_URL: publicUrl } })
  await seedDevelopment({ url: engine.test.ownerUrl, demoPassword: 'parley-demo', accounts: {} })
})
afterAll(() => engine.close())

/** The shell's block below a heading. */
function blockOf(heading: string): string {
  const section = document.split(/^### /m).find((text) => text.startsWith(`${heading}\n`)) ?? ''
  return /```sh\n([\s\S]*?)```/.exec(section)?.[1] ?? ''
}

/** As somebody pastes it, with what `npm run secrets` prints. */
async function paste(heading: string): Promise<string> {
  const secrets = secretsForShell({ given: {}, secret, api: engine.app.url })
  const script = `set -eu\n${secrets}PUBLIC_URL='${publicUrl}'\n${blockOf(heading)}`
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { env: foreignEnvironment() })
  return stdout
}

describe('the examples of docs/webhooks.md @integration', () => {
  it.each([
    ['ElevenLabs', 'accepted'],
    ['LiveKit', 'accepted'],
    ['Twilio', 'processed'],
    ['CallRail', 'processed'],
    ['Clerk', 'processed'],
    ['Bland', 'processed'],
    ['UWC', 'processed'],
  ])('of %s is authentic and %s, and a duplicate the second time', async (heading, status) => {
    expect(await paste(heading)).toContain(status)
    expect(await paste(heading)).toContain('duplicate_ignored')
  })
})

describe('what npm run secrets prints @unit', () => {
  it('signs and names, and holds no key of a provider’s own API', () => {
    const lines = secretsForShell({ given: {}, secret, api: 'http://127.0.0.1:8000' }).trim().split('\n')
    expect(lines.map((line) => line.split('=')[0])).toEqual([
      'API',
      'ELEVENLABS_AGENT_ID',
      'ELEVENLABS_WEBHOOK_SECRET',
      'LIVEKIT_API_KEY',
      'LIVEKIT_WEBHOOK_SECRET',
      'TWILIO_ACCOUNT_SID',
      'TWILIO_AUTH_TOKEN',
      'CALLRAIL_ACCOUNT_ID',
      'CALLRAIL_WEBHOOK_SECRET',
      'CLERK_WEBHOOK_SECRET',
      'BLAND_WEBHOOK_SECRET',
      'UWC_HMAC_SECRET',
    ])
    const own = secretsForShell({ given: { TWILIO_AUTH_TOKEN: 'mine' }, secret, api: undefined })
    expect(own).not.toContain('TWILIO')
    expect(own).not.toContain('mine')
    expect(own).not.toContain('API=')
  })
})
