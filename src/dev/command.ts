import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidArgumentError } from 'commander'
import type { Progress } from './progress.js'
import { createSupervisor } from './supervisor.js'

/** Reads an option that is a whole number within bounds. */
export const whole = (min: number, max: number) => (text: string) => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`)
}

/** A data folder and a supervisor for one run of a command, both gone when it stops, by a signal too. */
export async function startScratch({
  name,
  progress,
  keep = false,
}: {
  name: string
  progress: Progress
  keep?: boolean
}) {
  const dataDir = await mkdtemp(join(tmpdir(), `parley-${name}-`))
  await chmod(dataDir, 0o755) // PostgreSQL may run as another user, who passes through here
  const supervisor = createSupervisor({ onEvent: (event) => progress.say(`  ${event.child}: ${event.event}`) })
  const stop = async () => {
    await supervisor.stopAll()
    if (!keep) await rm(dataDir, { recursive: true, force: true })
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stop().finally(() => process.exit(130)))
  return { dataDir, supervisor, stop }
}
