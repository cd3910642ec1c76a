import { metricsSnapshot } from './metrics-snapshot.js'

process.exitCode = await metricsSnapshot(process.argv.slice(2), {
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
})
