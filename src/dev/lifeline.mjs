// Preloaded into our own Node children: when the supervisor is gone without a word, they stop as on SIGTERM.
import { isMainThread } from 'node:worker_threads'

const graceMs = 40_000

function holdOn() {
  // Modules load while events are already delivered: the supervisor's end may have been one of them.
  if (!process.connected) process.exit(1)
  process.on('disconnect', () => {
    process.kill(process.pid, 'SIGTERM')
    setTimeout(() => process.exit(1), graceMs).unref()
  })
  process.channel?.unref()
  // Their output had the supervisor as its only reader.
  process.stdout.on('error', () => undefined)
  process.stderr.on('error', () => undefined)
}

// Threads inherit the preload, but not the channel.
if (isMainThread) holdOn()
