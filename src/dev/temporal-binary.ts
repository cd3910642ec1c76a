import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import { childEnvironment } from './environment.js'
import { onPath } from './path-search.js'
import { buildTemporal } from './temporal-build.js'
import { downloadTemporal } from './temporal-download.js'
import type { TemporalSource } from './temporal-source.js'
import { Refusal } from './refusal.js'

/** Of the CLI; the server inside is 1.29.1. */
export const temporalVersion = '1.5.1'
/** Older servers know neither start-with-update nor growing and shrinking pollers. */
const oldestServer = [1, 28] as const

export interface FindTemporalOptions {
  /** TEMPORAL_CLI_PATH: taken or refused, never passed over. */
  cliPath?: string | undefined
  /** What goes on, for a progress line. */
  detail?: (text: string) => void
  say?: (message: string) => void
  env?: Record<string, string | undefined>
  /** Ways to get one that is neither given nor found, in order; each answers undefined, or says why it could not. */
  sources?: TemporalSource[]
}

/** Outside the checkout, so that the next one need not build it again. */
export function temporalCachePath(env: Record<string, string | undefined> = childEnvironment()): string {
  const given = env.XDG_CACHE_HOME
  const cache = given && isAbsolute(given) ? given : join(homedir(), '.cache')
  return join(
    cache,
    'parley',
    `temporal-${temporalVersion}`,
    process.platform === 'win32' ? 'temporal.exe' : 'temporal',
  )
}

/** The path of a Temporal server that runs here: given, on PATH, cached, downloaded, or built. */
export async function findTemporal(options: FindTemporalOptions = {}): Promise<string> {
  const { cliPath, detail = () => undefined, say = () => undefined, env = childEnvironment() } = options
  if (cliPath) {
    const problem = await unusable(cliPath)
    if (problem) throw new Refusal(`TEMPORAL_CLI_PATH=${cliPath}: ${problem}`)
    return cliPath
  }
  const target = temporalCachePath(env)
  for (const path of [...onPath('temporal', env), target].filter((candidate) => existsSync(candidate))) {
    const problem = await unusable(path)
    if (!problem) return path
    say(`${path} is not used: ${problem}`)
  }
  const reasons: string[] = []
  for (const source of options.sources ?? [downloadTemporal, buildTemporal]) {
    const outcome = await source({ version: temporalVersion, target, detail, env })
    if (outcome.found) return target
    reasons.push(outcome.why)
  }
  throw new Refusal(
    [`there is no Temporal server and none could be fetched:`, ...reasons.map((why) => `  ${why}`), whatToDo].join(
      '\n',
    ),
  )
}

const whatToDo = `Do one of these and start again:
  install Go 1.24 or later, which lets it be built here (takes minutes, once)
  put the temporal program (CLI ${temporalVersion}) on PATH, or set TEMPORAL_CLI_PATH to it
  set TEMPORAL_ADDRESS to a Temporal server that runs`

async function unusable(path: string): Promise<string | undefined> {
  if (!existsSync(path)) return 'there is no such file'
  let answer: string
  try {
    answer = (await promisify(execFile)(path, ['--version'], { timeout: 20_000 })).stdout
  } catch (error) {
    return `it does not run (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`
  }
  const [, major, minor] = /Server (\d+)\.(\d+)/.exec(answer) ?? []
  if (major === undefined || minor === undefined) return 'it does not say which server it has'
  const old = Number(major) < oldestServer[0] || (Number(major) === oldestServer[0] && Number(minor) < oldestServer[1])
  return old ? `its server ${major}.${minor} is older than ${oldestServer.join('.')}` : undefined
}
