import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isTaken, takeLock, type FileLock } from './file-lock.js'
import { onPath } from './path-search.js'
import type { SourceContext } from './temporal-source.js'

const goModule = 'github.com/temporalio/cli/cmd/temporal'

/** Builds the server with Go, once per machine: two checkouts that start together build it once. */
export async function buildTemporal(context: SourceContext) {
  const go = findGo(context.env)
  if (!go) return { found: false, why: 'build by Go: there is no go on PATH' } as const
  const lock = await waitForLock(context)
  try {
    if (existsSync(context.target)) return { found: true } as const
    const failure = await build(go, context)
    return failure === undefined
      ? ({ found: true } as const)
      : ({ found: false, why: `build by Go: ${failure}` } as const)
  } finally {
    lock.release()
  }
}

/** A Go of PATH, or of the usual places: its installer does not touch the PATH of a service or a CI job. */
export function findGo(env: Record<string, string | undefined>): string | undefined {
  return onPath('go', {
    PATH: [env.PATH, '/usr/local/go/bin', '/usr/lib/go/bin', '/opt/homebrew/bin'].join(delimiter),
  })[0]
}

async function waitForLock({ target, detail }: SourceContext): Promise<FileLock> {
  for (;;) {
    const lock = takeLock(`${target}.lock`)
    if (!isTaken(lock)) return lock
    detail(`process ${lock.pid} is building it`)
    await sleep(500)
  }
}

async function build(go: string, { version, target, detail, env }: SourceContext): Promise<string | undefined> {
  mkdirSync(dirname(target), { recursive: true })
  const folder = mkdtempSync(join(dirname(target), 'build-'))
  detail('building it with Go, once for this machine (takes minutes)')
  try {
    const failure = await goInstall(go, { source: `${goModule}@v${version}`, folder, env, detail })
    if (failure !== undefined) return failure
    // Renamed into place: a killed build leaves no half program.
    renameSync(join(folder, target.endsWith('.exe') ? 'temporal.exe' : 'temporal'), target)
    return undefined
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Install {
  source: string
  folder: string
  env: Record<string, string | undefined>
  detail: (text: string) => void
}

/** Installs one program into a folder. @returns why it failed */
export function goInstall(go: string, { source, folder, env, detail }: Install): Promise<string | undefined> {
  const settings = {
    HOME: env.HOME ?? homedir(),
    GOBIN: folder,
    GOFLAGS: '-buildvcs=false',
    CGO_ENABLED: '0',
    GOOS: '',
    GOARCH: '',
  }
  const child = spawn(go, ['install', '-v', '-ldflags=-s -w', source], {
    env: { ...env, ...settings },
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  let steps = 0
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4_000)
    steps += chunk.toString().split('\n').length - 1
    detail(`building it with Go, once for this machine (${steps} steps done)`)
  })
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code) => resolve(code === 0 ? undefined : `status ${code}\n${errors.trim()}`))
  })
}
