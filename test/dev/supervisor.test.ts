import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { childEnvironment } from '../../src/dev/environment.js'
import { endOrphans } from '../../src/dev/pids.js'
import { isRunning } from '../../src/dev/process-identity.js'
import { startLife, type ChildSpec } from '../../src/dev/supervised-child.js'
import { createSupervisor, type SupervisorEvent, type SupervisorOptions } from '../../src/dev/supervisor.js'
import { temporaryFolder } from './folder.js'

const fast = { firstMs: 40, maxMs: 160, healthyMs: 60_000 }

/** A program of a line of JavaScript that is ready when it says so. */
function program(name: string, script: string, changes: Partial<ChildSpec> = {}): ChildSpec {
  let ready = false
  return {
    name,
    kind: 'foreign',
    command: process.execPath,
    args: ['-e', script],
    env: childEnvironment(),
    graceMs: 2_000,
    beforeStart: () => Promise.resolve(void (ready = false)),
    isReady: () => Promise.resolve(ready),
    readyTimeoutMs: 5_000,
    onLine: (line) => (ready ||= line === 'ready'),
    ...changes,
  }
}

const serving = `console.log('ready'); setInterval(() => {}, 1000)`

function supervise(options: SupervisorOptions = {}) {
  const events: SupervisorEvent[] = []
  const supervisor = createSupervisor({ backoff: fast, onEvent: (event) => events.push(event), ...options })
  onTestFinished(() => supervisor.stopAll())
  return { supervisor, events }
}

describe('the supervisor', () => {
  it.each([
    ['foreign', 'program', 1],
    ['foreign', 'holder', 0],
    ['node', 'process', 0],
  ] as const)('starts a %s program again when its %s is killed', async (kind, _which, index) => {
    const { supervisor, events } = supervise()
    await supervisor.start(program('one', serving, { kind }))
    const first = supervisor.processes('one')
    await vi.waitFor(() => expect(first).toHaveLength(kind === 'foreign' ? 2 : 1), 15_000)
    process.kill(first[index]!.pid, 'SIGKILL')
    await vi.waitFor(() => expect(events.at(-1)).toEqual({ event: 'restarted', child: 'one', attempts: 1 }), 15_000)
    expect(events[0]).toMatchObject({ event: 'ended', child: 'one', restartInMs: fast.firstMs })
    expect(first.some(isRunning)).toBe(false)
    expect(supervisor.processes('one').every(isRunning)).toBe(true)
  })

  it('waits longer each time for a program that does not come up again', async () => {
    const file = join(temporaryFolder(), 'once')
    const once = `const { existsSync, writeFileSync } = require('node:fs')
      if (existsSync(${JSON.stringify(file)})) process.exit(3)
      writeFileSync(${JSON.stringify(file)}, ''); console.log('ready'); setTimeout(() => process.exit(3), 50)`
    const { supervisor, events } = supervise()
    await supervisor.start(program('flaky', once))
    await vi.waitFor(() => expect(events.length).toBeGreaterThanOrEqual(5), 10_000)
    expect(events.slice(0, 5).map((event) => 'restartInMs' in event && event.restartInMs)).toEqual([
      40, 80, 160, 160, 160,
    ])
  })

  it('refuses a program that never was ready, with its last words', async () => {
    const { supervisor, events } = supervise()
    const dying = supervisor.start(program('dying', `console.error('no such thing'); process.exit(1)`))
    await expect(dying).rejects.toThrow(/dying ended before it was ready[^]*no such thing/)
    await sleep(100)
    expect(events).toEqual([])
  })

  it('ends what was started last first, and leaves nothing behind', async () => {
    const { supervisor } = supervise()
    await supervisor.start(program('database', serving))
    await supervisor.start(program('application', serving, { kind: 'node' }))
    const all = [...supervisor.processes('database'), ...supervisor.processes('application')]
    const order: string[] = []
    await supervisor.stopAll((name) => order.push(name))
    expect(order).toEqual(['application', 'database'])
    expect(all.some(isRunning)).toBe(false)
    await expect(supervisor.start(program('late', serving))).rejects.toThrow('everything is being stopped')
  })

  it('kills a program that does not heed the polite signal within its grace', async () => {
    const { supervisor } = supervise()
    await supervisor.start(program('deaf', `process.on('SIGTERM', () => {}); ${serving}`, { graceMs: 200 }))
    const processes = supervisor.processes('deaf')
    await supervisor.stopAll()
    expect(processes.some(isRunning)).toBe(false)
  })

  it.each(['foreign', 'node'] as const)(
    'leaves no %s program behind when it is gone itself without a word',
    async (kind) => {
      const processes = kind === 'foreign' ? 2 : 1
      const running = startLife(program('held', serving, { kind }))
      await vi.waitFor(() => expect(running.processes()).toHaveLength(processes), 15_000)
      running.letGo()
      // Still loading: it has not heard of anything yet.
      const loading = startLife(program('held', serving, { kind }))
      loading.letGo()
      onTestFinished(() => Promise.all([running.stop(), loading.stop()]).then(() => undefined))
      const all = () => [...running.processes(), ...loading.processes()]
      await vi.waitFor(() => expect(all().some(isRunning)).toBe(false), 15_000)
    },
  )
})

describe('a Node program of ours', () => {
  it('may have threads', async () => {
    const { supervisor } = supervise()
    const thread = `new (require('node:worker_threads').Worker)("console.log('ready')", { eval: true }); setInterval(() => {}, 1000)`
    await supervisor.start(program('threads', thread, { kind: 'node' }))
    expect(supervisor.processes('threads').every(isRunning)).toBe(true)
  })
})

describe('what an earlier start left behind', () => {
  it('is ended when it is still the process that was noted', async () => {
    const pidFile = join(temporaryFolder(), 'pids.json')
    const { supervisor } = supervise({ pidFile })
    await supervisor.start(program('orphan', serving))
    await vi.waitFor(() => expect(supervisor.processes('orphan')).toHaveLength(2), 15_000)
    const processes = [...supervisor.processes('orphan')]
    const noted = readFileSync(pidFile, 'utf8')
    const ended: string[] = []
    await endOrphans(pidFile, (name) => ended.push(name))
    expect(JSON.parse(noted)).toMatchObject([{ name: 'orphan', processes: [{}, {}] }])
    expect(ended).toContain('orphan')
    expect(processes.some(isRunning)).toBe(false)
    expect(existsSync(pidFile) && readFileSync(pidFile, 'utf8') === noted).toBe(false)
  })

  it('is left alone when another process has its id by now', async () => {
    const pidFile = join(temporaryFolder(), 'pids.json')
    const another = [
      { name: 'x', graceMs: 100, stopSignal: 'SIGTERM', processes: [{ pid: process.pid, startedAt: '1' }] },
    ]
    writeFileSync(pidFile, JSON.stringify(another))
    const ended: string[] = []
    await endOrphans(pidFile, (name) => ended.push(name))
    expect(ended).toEqual([])
    expect(existsSync(pidFile)).toBe(false)
  })
})
