// node scripts/run.mjs src/dev/bench/main.js --quick: installs and builds what is missing, then runs that file of dist.
import './node-version.mjs'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureBuilt } from './build.mjs'
import { loadEnvironmentFile } from './environment-file.mjs'
import { fail, Refusal, root } from './steps.mjs'

const [name, ...args] = process.argv.slice(2)
try {
  if (!name) throw new Refusal('which file of dist is to run? node scripts/run.mjs src/migrate.js')
  await ensureBuilt()
  const file = join(root, 'dist', name)
  if (!existsSync(file)) throw new Refusal(`there is no ${name} in dist`)
  loadEnvironmentFile()
  // As if it had been called itself.
  process.argv = [process.argv[0], file, ...args]
  await import(pathToFileURL(file).href)
} catch (error) {
  fail(error)
}
