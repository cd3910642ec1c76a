import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './steps.mjs'

/** Reads .env when there is one; a variable that is set already wins. */
export function loadEnvironmentFile() {
  const file = join(root, '.env')
  if (existsSync(file)) process.loadEnvFile(file)
}
