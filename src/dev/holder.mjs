// Holds one foreign program for the supervisor: ends it on SIGTERM, and also when the supervisor is gone without a word.
// Plain JavaScript, so that tests start it without a build. The program inherits our environment: everybody on the machine
// may read a command line, so nothing secret is on one.
import { spawn } from 'node:child_process'

const { command, args, cwd, uid, gid, stopSignal, graceMs } = JSON.parse(process.argv[2])
// Modules load while events are already delivered: the supervisor's end may have been one of them.
if (!process.connected) process.exit(1)
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], cwd, uid, gid })

let stopping = false
const stop = () => {
  if (stopping) return
  stopping = true
  child.kill(stopSignal)
  setTimeout(() => child.kill('SIGKILL'), graceMs)
}

child.on('spawn', () => process.connected && process.send({ pid: child.pid }))
child.on('error', (error) => {
  process.stderr.write(`${command}: ${error.message}\n`)
  process.exit(127)
})
child.on('exit', (code, signal) => {
  if (signal) process.stderr.write(`${command}: ended by ${signal}\n`)
  process.exit(code ?? 1)
})
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
process.on('SIGHUP', stop)
process.on('disconnect', stop)
// Whoever read our output may be gone: that is no reason to die before the program is stopped.
process.stdout.on('error', () => undefined)
process.stderr.on('error', () => undefined)
