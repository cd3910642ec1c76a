import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { startPostgres } from '../../src/dev/postgres.js'
import { createSupervisor, type Supervisor } from '../../src/dev/supervisor.js'
import { findTemporal } from '../../src/dev/temporal-binary.js'
import { startTemporal } from '../../src/dev/temporal.js'
import { temporaryFolder } from './folder.js'

const secret = 'planted-in-the-environment'

function plantedSecret(): void {
  vi.stubEnv('JWT_SECRET', secret)
  vi.stubEnv('TAVUS_API_KEY', secret)
  onTestFinished(() => void vi.unstubAllEnvs())
}

/** What the system shows of each process: its command line to everybody, its environment to its own user. */
const shownOf = (supervisor: Supervisor, name: string) =>
  supervisor.processes(name).map(({ pid }) => ({
    commandLine: readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
    environment: readFileSync(`/proc/${pid}/environ`, 'utf8'),
  }))

async function expectNoSecret(supervisor: Supervisor, name: string): Promise<void> {
  await vi.waitFor(() => expect(supervisor.processes(name)).toHaveLength(2), 15_000)
  for (const { commandLine, environment } of shownOf(supervisor, name)) {
    expect(commandLine).not.toContain(secret)
    expect(commandLine).not.toContain('"env"')
    expect(environment).not.toContain(secret)
    expect(environment).toContain('PATH=')
  }
}

describe.runIf(process.platform === 'linux')('a program that is not ours', () => {
  it('shows no secret of our environment: PostgreSQL', async () => {
    plantedSecret()
    const supervisor = createSupervisor()
    onTestFinished(() => supervisor.stopAll())
    const dataDir = join(temporaryFolder(), 'postgres')
    await startPostgres({ dataDir, durable: false, password: secret, supervisor })
    await expectNoSecret(supervisor, 'postgres')
  })

  it('shows no secret of our environment: Temporal', async () => {
    plantedSecret()
    const supervisor = createSupervisor()
    onTestFinished(() => supervisor.stopAll())
    await startTemporal({ binary: await findTemporal(), supervisor })
    await expectNoSecret(supervisor, 'temporal')
  })
})
