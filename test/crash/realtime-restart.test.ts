import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { killProcess } from '../../src/dev/process-identity.js'
import { seedCompanies } from '../../src/dev/seed.js'
import { createDatabase, type Database } from '../../src/store/database.js'
import { appendEvents } from '../../src/store/event-log.js'
import { listenTo } from '../realtime/harness.js'
import { call, login } from '../support/client.js'
import { startStack, type Stack } from '../support/stack.js'

const key = 'a-key-of-the-restart-test'
const tenantId = seedCompanies.acme.id
const channel = `tenant:${tenantId}:events`

let stack: Stack
let database: Database
beforeAll(async () => {
  stack = await startStack({ split: true, env: { DEV_EMIT_KEY: key, RATE_LIMIT_ANONYMOUS: '1000000/minute' } })
  database = createDatabase({ url: stack.databaseUrl, poolSize: 2 })
})
afterAll(async () => {
  await database.destroy()
  await stack.stop()
})

const logged = async (after: string) =>
  (
    await stack.rows<{ id: string }>('select id from event_logs where tenant_id = $1 and id > $2 order by id', [
      tenantId,
      after,
    ])
  ).map(({ id }) => id)

describe('a restart of the API under traffic @integration', () => {
  it('loses and repeats nothing for a client that comes back with the last id it saw', async () => {
    const token = await login(stack.url)
    const start = (await stack.rows<{ id: string }>('select coalesce(max(id), 0) as id from event_logs'))[0]?.id ?? '0'
    const state = { writing: true, seen: [] as string[], connections: 0 }
    const writer = (async () => {
      while (state.writing) {
        // Refused or cut off while the API is away: whatever was committed must come.
        const query = `event=task.updated&tenant_id=${tenantId}`
        await call(`${stack.url}/ws/test-emit?${query}`, { headers: { 'x-dev-key': key } }).catch(() => sleep(20))
        // The worker's half, and whoever else writes, go on while the API is away.
        await database.withService(tenantId, (trx) =>
          appendEvents(trx, [{ event: 'task.updated', tenantId, data: {} }]),
        )
      }
    })()
    const reader = (async () => {
      while (state.writing) {
        const socket = new WebSocket(`${stack.url.replace('http', 'ws')}/ws`, {
          headers: { authorization: `Bearer ${token}` },
        })
        const client = listenTo(socket)
        socket.on('error', () => undefined)
        socket.on('open', () => client.send({ type: 'subscribe', channel, since: state.seen.at(-1) ?? start }))
        const stop = setInterval(() => !state.writing && socket.terminate(), 50)
        await client.closed
        clearInterval(stop)
        if (client.ids().length > 0) state.connections++
        state.seen.push(...client.ids())
        await sleep(50)
      }
    })()
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      await sleep(1500)
      const [api] = stack.supervisor.processes('api')
      if (!api) throw new Error('there is no API')
      if (signal === 'SIGKILL') killProcess(api)
      else process.kill(api.pid, signal)
      await expect
        .poll(
          () =>
            fetch(`${stack.url}/health`).then(
              ({ ok }) => ok,
              () => false,
            ),
          { timeout: 60_000 },
        )
        .toBe(true)
    }
    await sleep(1500)
    state.writing = false
    await Promise.all([writer, reader])
    const socket = new WebSocket(`${stack.url.replace('http', 'ws')}/ws`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const last = listenTo(socket)
    await once(socket, 'open')
    await last.subscribe(channel, state.seen.at(-1) ?? start)
    state.seen.push(...last.ids())
    await last.close()
    expect(state.connections).toBeGreaterThanOrEqual(3)
    expect(state.seen).toEqual(await logged(start))
  }, 180_000)
})
