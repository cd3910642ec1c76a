import { createWriteStream, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { build } from 'pino-pretty'

const largestLogBytes = 5_000_000

/** Our processes' JSON lines: for a person on a terminal, as they are anywhere else. */
export function createLogOutput(): (line: string) => void {
  // A reader that went away must not end what runs.
  process.stdout.on('error', () => undefined)
  process.stderr.on('error', () => undefined)
  if (!process.stdout.isTTY) return (line) => process.stdout.write(`${line}\n`)
  const pretty = build({
    colorize: true,
    messageKey: 'message',
    timestampKey: 'ts',
    levelKey: 'level',
    ignore: 'service,pid,hostname',
    sync: true,
    singleLine: true,
  })
  return (line) => pretty.write(`${line}\n`)
}

/** A log line of the start itself, in the shape of the application's. */
export const logLine = (level: 'info' | 'warn' | 'error', message: string, fields: object) =>
  JSON.stringify({ ts: new Date().toISOString(), level, service: 'parley-start', message, ...fields })

/** What foreign programs write goes to a file; the one of an earlier start is kept once it is long. */
export function createLogFile(path: string): (line: string) => void {
  mkdirSync(dirname(path), { recursive: true })
  try {
    if (statSync(path).size > largestLogBytes) {
      rmSync(`${path}.1`, { force: true })
      renameSync(path, `${path}.1`)
    }
  } catch {
    // There is none yet.
  }
  const file = createWriteStream(path, { flags: 'a' })
  file.on('error', () => undefined)
  return (line) => file.write(`${line}\n`)
}
