import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { projectRoot } from '../documents.js'
import { childEnvironment } from '../environment.js'

/** Runs a script of package.json with its output shown; a signal to us ends it, too. @returns its exit status */
export async function runScript(name: string): Promise<number> {
  const child = spawn('npm', ['run', '--silent', name], { cwd: projectRoot, stdio: 'inherit', env: childEnvironment() })
  const pass = (signal: NodeJS.Signals) => void child.kill(signal)
  process.on('SIGINT', pass).on('SIGTERM', pass)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return code ?? 1
  } finally {
    process.off('SIGINT', pass).off('SIGTERM', pass)
  }
}
