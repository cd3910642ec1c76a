import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

const names = ['postgresPassword', 'ownerPassword', 'applicationPassword', 'jwtSecret', 'simulatedSecret'] as const

/** What this installation made up for itself. */
export type Secrets = Record<(typeof names)[number], string>

function readKnown(file: string): Partial<Secrets> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<Secrets>
  } catch {
    return {}
  }
}

/** Reads the secrets, and makes up those that are missing; only the owner may read the file. */
export function loadSecrets(file: string): Secrets {
  const known = readKnown(file)
  const entries = names.map((name) => [name, known[name] ?? randomBytes(32).toString('base64url')] as const)
  const secrets = Object.fromEntries(entries) as Secrets
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 })
  // The mode above holds for a new file only.
  chmodSync(`${file}.new`, 0o600)
  renameSync(`${file}.new`, file)
  return secrets
}
