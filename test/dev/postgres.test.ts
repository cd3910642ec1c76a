import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { clusterFolder, postgresUser } from '../../src/dev/postgres-files.js'
import { onDatabase } from '../../src/dev/postgres-roles.js'
import { startPostgres } from '../../src/dev/postgres.js'
import { createSupervisor } from '../../src/dev/supervisor.js'
import { temporaryFolder } from './folder.js'

const query = (url: string, sql: string) => onDatabase(url, (client) => client.query(sql))

describe('the embedded PostgreSQL', () => {
  it('keeps its data over a SIGKILL of everything, and over a lost password', async () => {
    const dataDir = join(temporaryFolder(), 'postgres')
    const supervisor = createSupervisor()
    onTestFinished(() => supervisor.stopAll())
    const first = await startPostgres({ dataDir, durable: true, password: 'one', supervisor })
    await query(first.adminUrl, 'create table kept as select 42 as answer')
    const processes = supervisor.processes('postgres')
    for (const { pid } of processes) process.kill(pid, 'SIGKILL')
    await first.stop()
    writeFileSync(join(dataDir, 'postmaster.pid'), `${process.pid}\n${dataDir}\n`)
    const second = await startPostgres({ dataDir, durable: true, password: `it's another`, supervisor })
    expect((await query(second.adminUrl, 'select answer from kept')).rows).toEqual([{ answer: 42 }])
    await expect(query(first.adminUrl.replace(/:\d+\//, `:${second.port}/`), 'select 1')).rejects.toThrow('password')
  })

  it('leaves no half cluster when it is killed while it makes one', async () => {
    const dataDir = join(temporaryFolder(), 'postgres')
    mkdirSync(`${dataDir}.new`)
    writeFileSync(join(`${dataDir}.new`, 'half'), '')
    const { adminUrl, stop } = await startPostgres({ dataDir, durable: false })
    onTestFinished(stop)
    expect((await query(adminUrl, 'show listen_addresses')).rows).toEqual([{ listen_addresses: '127.0.0.1' }])
  })

  it.runIf(process.getuid?.() === 0)(
    'goes where its user can enter, and starts afresh when the checkout’s data was deleted',
    async () => {
      const closed = join(temporaryFolder(), 'closed')
      mkdirSync(closed)
      chmodSync(closed, 0o700)
      const said: string[] = []
      const place = () =>
        clusterFolder(join(closed, 'data', 'postgres'), postgresUser(), (message) => said.push(message))
      const folder = place()
      onTestFinished(() => rm(dirname(folder), { recursive: true, force: true }))
      expect(folder).toMatch(/^\/var\/lib\/parley\/[0-9a-f]{12}\/postgres$/)
      expect(said).toEqual([expect.stringContaining(folder)])
      mkdirSync(folder)
      expect(place()).toBe(folder)
      expect(existsSync(folder)).toBe(true)
      await rm(join(closed, 'data'), { recursive: true })
      expect(place()).toBe(folder)
      expect(existsSync(folder)).toBe(false)
    },
  )
})
