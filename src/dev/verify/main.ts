import { runParts } from './runner.js'
import { runScript } from './scripts.js'
import { verifyParts } from './parts.js'

// Named on the command line: a part that is made of parts itself.
const named = process.argv.slice(2)
process.exitCode = await runParts({
  parts: named.length > 0 ? named : verifyParts,
  run: runScript,
  out: (text) => process.stdout.write(`${text}\n`),
})
