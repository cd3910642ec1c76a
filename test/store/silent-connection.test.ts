import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, describe, it } from 'vitest'
import { createDatabase } from '../../src/store/database.js'
import { createWorld, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld()))
afterAll(() => world.close())

/** A network that may swallow all that goes over its open connections, without closing one. */
async function createSilentLink(target: { host: string; port: number }) {
  const open: Socket[] = []
  const server = createServer((socket) => {
    const upstream = connect(target)
    open.push(socket, upstream)
    for (const end of [socket, upstream]) end.on('error', () => undefined)
    socket.pipe(upstream).pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    count: () => open.length / 2,
    silence: () => open.forEach((socket) => socket.unpipe().pause()),
    close: () => (open.forEach((socket) => socket.destroy()), server.close()),
  }
}

describe('a connection that falls silent @integration', () => {
  it('is given up, says that the database is away, and holds no place in the pool', async () => {
    const url = new URL(world.test.url)
    const link = await createSilentLink({ host: url.hostname, port: Number(url.port) })
    url.host = `127.0.0.1:${link.port}`
    const database = createDatabase({ url: url.href, poolSize: 1, queryTimeoutMs: 300 })
    const ask = () => database.withService(undefined, (trx) => trx.raw('select 1'))
    const write = () => database.statement('select $1::int as one', [1])
    try {
      for (const one of [ask, write]) {
        await one()
        const before = link.count()
        link.silence()
        await expect(one()).rejects.toMatchObject({ code: 'database_unavailable' })
        await one()
        expect(link.count()).toBe(before + 1)
      }
    } finally {
      await database.destroy()
      link.close()
    }
  })
})
