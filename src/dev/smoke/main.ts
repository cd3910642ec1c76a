import { childEnvironment } from '../environment.js'
import { smoke } from './smoke.js'

process.exitCode = await smoke(process.argv.slice(2), {
  env: childEnvironment(),
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
})
