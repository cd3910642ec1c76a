import './node-version.mjs'
import { ensureBuilt } from './build.mjs'
import { loadEnvironmentFile } from './environment-file.mjs'
import { fail } from './steps.mjs'

// In this very process: one less between npm and what must end with it.
try {
  await ensureBuilt()
  loadEnvironmentFile()
  await import('../dist/src/dev/main.js')
} catch (error) {
  fail(error)
}
