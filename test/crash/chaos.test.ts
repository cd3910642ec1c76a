import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { runChaos } from '../../src/dev/chaos/run.js'
import { createProgress } from '../../src/dev/progress.js'
import { createSupervisor, type Supervisor } from '../../src/dev/supervisor.js'

let dataDir: string
let supervisor: Supervisor
afterEach(async () => {
  await supervisor.stopAll()
  await rm(dataDir, { recursive: true, force: true })
})

it(
  'conversations under faults and kills are ended once, recorded rightly, and told of',
  { timeout: 240_000 },
  async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'parley-chaos-'))
    await chmod(dataDir, 0o755) // PostgreSQL may run as another user, who passes through here
    supervisor = createSupervisor()
    const lines: string[] = []
    const report = await runChaos({
      sessions: 12,
      callers: 6,
      seed: 11,
      dataDir,
      supervisor,
      progress: createProgress(() => undefined),
      onLine: (line) => lines.push(line),
    })
    const broken = report.checks.filter((check) => check.broken > 0)
    expect(report.failures).toEqual([])
    expect(broken, lines.slice(-20).join('\n')).toEqual([])
    expect(report.facts).toContainEqual(['providers and modes', 'elevenlabs plain 4, tavus mentor 4, tavus plain 4'])
    // Rules that looked at nothing would hold as well.
    expect(report.checks.find(({ name }) => name === 'conversations left running')?.of).toBeGreaterThanOrEqual(12)
    expect(report.checks.find(({ name }) => name === 'webhooks not processed')?.of).toBeGreaterThan(12)
  },
)
