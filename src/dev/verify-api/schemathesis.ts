import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { childEnvironment, foreignEnvironment } from '../environment.js'
import { onPath } from '../path-search.js'

const run = promisify(execFile)

/** Versions differ in what they check: a newer one is taken on purpose. */
export const schemathesisVersion = '4.32.5'

export type Found = { program: string; args: string[] } | { missing: string }

/**
 * Schemathesis: through uvx, else installed once into a virtual environment of the data folder.
 * @returns what is missing when this machine has no Python
 */
export async function findSchemathesis(dataDir: string, detail: (text: string) => void): Promise<Found> {
  const env = childEnvironment()
  const [uvx] = onPath('uvx', env)
  const folder = join(dataDir, `schemathesis-${schemathesisVersion}`)
  const program = join(folder, 'bin', 'schemathesis')
  if (existsSync(program)) return { program, args: [] }
  if (uvx) return { program: uvx, args: ['--from', `schemathesis==${schemathesisVersion}`, 'schemathesis'] }
  const [python] = onPath('python3', env)
  if (!python) return { missing: 'there is neither uvx nor python3 on PATH' }
  try {
    await install(python, folder, detail)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    return { missing: `schemathesis ${schemathesisVersion} could not be installed with ${python}: ${lastLine(error)}` }
  }
  return { program, args: [] }
}

/** A half-made environment is removed by whoever called; its paths are fixed, so it cannot be moved into place. */
async function install(python: string, folder: string, detail: (text: string) => void): Promise<void> {
  const options = { env: childEnvironment(), maxBuffer: 50_000_000 }
  mkdirSync(folder, { recursive: true })
  detail('virtual environment')
  await run(python, ['-m', 'venv', folder], options)
  detail('packages')
  await run(join(folder, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${schemathesisVersion}`], options)
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string }
  return (stderr?.trim() || message).split('\n').at(-1) ?? ''
}

/** None of our settings reach a program that is not ours. */
export const schemathesisEnvironment = () => foreignEnvironment({ PYTHONUNBUFFERED: '1', NO_COLOR: '1' })
