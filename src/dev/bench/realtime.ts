import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { seedCompanies } from '../seed.js'
import { childEnvironment } from '../environment.js'
import { percentile } from './load.js'
import { residentMib } from './machine.js'
import type { BenchStack, Row } from './phases.js'

/** What lets the benchmark write events. */
export const benchEmitKey = 'bench-emit-key-of-the-lab'

const clock = () => performance.timeOrigin + performance.now()

/** One event to everybody: when it has reached each of them, and what each of them costs the API in memory. */
export async function fanOut(
  stack: BenchStack,
  { readers, events }: { readers: number; events: number },
): Promise<Row[]> {
  const before = memoryOf(stack)
  const clients = await startReaders(stack, readers)
  try {
    await sleep(3000)
    const perReader = ((memoryOf(stack) - before) * 1024) / readers
    const latencies: number[] = []
    let slowest = 0
    for (let n = 0; n < events + 2; n++) {
      const reached = once(clients, 'message') as Promise<[number[]]>
      const sentAt = clock()
      await emit(stack)
      const times = (await reached)[0].map((at) => at - sentAt).sort((a, b) => a - b)
      await sleep(300)
      // The first ones find code that is not compiled yet.
      if (n < 2) continue
      latencies.push(...times)
      slowest = Math.max(slowest, percentile(times, 0.99))
    }
    latencies.sort((a, b) => a - b)
    const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)]
    return [
      { what: `one event to ${readers} WebSockets, p50`, value: `${p50.toFixed(0)} ms`, goal: '', ok: true },
      {
        what: `one event to ${readers} WebSockets, p99`,
        value: `${p99.toFixed(0)} ms`,
        goal: '< 1000 ms',
        ok: p99 < 1000,
      },
      { what: 'the same, p99 of the slowest event', value: `${slowest.toFixed(0)} ms`, goal: '', ok: true },
      { what: 'memory of the API for a WebSocket', value: `${perReader.toFixed(1)} KiB`, goal: '', ok: true },
    ]
  } finally {
    clients.kill('SIGTERM')
  }
}

const memoryOf = ({ pids }: BenchStack) => (pids.app ?? []).reduce((sum, pid) => sum + residentMib(pid), 0)

/** A process of its own, which tells when each of its readers had an event. */
async function startReaders({ apiUrl, token }: BenchStack, readers: number) {
  const file = fileURLToPath(new URL('./realtime-readers.js', import.meta.url))
  const channel = `tenant:${seedCompanies.acme.id}:events`
  const child = fork(file, [apiUrl.replace('http', 'ws'), token, channel, String(readers)], { env: childEnvironment() })
  const failed = once(child, 'exit').then(() => Promise.reject(new Error('the readers ended')))
  failed.catch(() => undefined)
  await Promise.race([once(child, 'message'), failed])
  return child
}

async function emit({ apiUrl }: BenchStack): Promise<void> {
  const query = `event=telephony.call.received&tenant_id=${seedCompanies.acme.id}`
  const answer = await fetch(`${apiUrl}/ws/test-emit?${query}`, {
    method: 'POST',
    headers: { 'x-dev-key': benchEmitKey },
  })
  if (answer.status !== 202) throw new Error(`test-emit answered ${answer.status}`)
  await answer.body?.cancel()
}
