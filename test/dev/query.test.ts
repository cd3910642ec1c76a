import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { embeddedMigration } from '../../src/dev/embedded-migration.js'
import { connectToLook, embeddedDatabase } from '../../src/dev/embedded-database.js'
import { queryTable } from '../../src/dev/query-table.js'
import { migrateCommand } from '../../src/store/migrate-command.js'
import { createTestDatabase } from '../support/database.js'
import { temporaryFolder } from './folder.js'

/** What a start leaves in its data folder. */
function dataFolder({ port, password, ...more }: { port: number; password: string } & Record<string, unknown>): string {
  const folder = temporaryFolder()
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'ports.json'), JSON.stringify({ postgres: port }))
  writeFileSync(join(folder, 'secrets.json'), JSON.stringify({ postgresPassword: password, ...more }))
  return folder
}

async function looking() {
  const database = await createTestDatabase()
  const { port, password } = new URL(database.adminUrl)
  const folder = dataFolder({ port: Number(port), password: decodeURIComponent(password) })
  const client = await connectToLook({ ...embeddedDatabase(folder), database: database.name })
  onTestFinished(async () => {
    await client.end()
    await database.drop()
  })
  return client
}

describe('npm run db', () => {
  it('prints rows as a table, as PostgreSQL writes them', async () => {
    const client = await looking()
    const text = await queryTable(client, `select 'completed' as status, null as ended_at, '{"a":1}'::jsonb as facts`)
    expect(text).toMatch(/│ status +│ ended_at │ facts +│/)
    expect(text).toMatch(/│ completed │ +│ \{"a": 1\} │/)
    expect(text).toMatch(/1 row$/)
  })

  it('sees every company’s sessions, and changes nothing', async () => {
    const client = await looking()
    const example = 'select status, ended_at, duration_seconds from conversations_users'
    expect(await queryTable(client, example)).toMatch(/status.*ended_at.*duration_seconds[^]*0 rows$/)
    await expect(queryTable(client, 'delete from conversations_users')).rejects.toThrow('read-only transaction')
  })

  it('says what to do when there is no database', async () => {
    expect(() => embeddedDatabase(temporaryFolder())).toThrow('start it with npm start')
    const gone = embeddedDatabase(dataFolder({ port: 1, password: 'x' }))
    await expect(connectToLook(gone)).rejects.toThrow('start it with npm start')
  })
})

describe('npm run migrate without DATABASE_URL', () => {
  it('finds the database of a running npm start, as its owner', async () => {
    const database = await createTestDatabase()
    onTestFinished(() => database.drop())
    const { passwords } = inject('postgres')
    const { port, password } = new URL(database.adminUrl)
    const { owner: ownerPassword, application: applicationPassword } = passwords
    const folder = dataFolder({
      port: Number(port),
      password: decodeURIComponent(password),
      ownerPassword,
      applicationPassword,
    })
    const found = await embeddedMigration(folder)
    const here = (url: string | undefined) => url?.replace(/\/parley$/, `/${database.name}`) ?? ''
    const out: string[] = []
    const io = { out: (line: string) => void out.push(line), err: (line: string) => void out.push(line) }
    const settings = () => ({ url: here(found.url), applicationUrl: here(found.applicationUrl) })
    expect(await migrateCommand(['status'], settings, io)).toBe(0)
    expect(out[0]).toBe('applied  0001_foundation')
    expect(await migrateCommand(['up'], settings, io)).toBe(0)
    expect(out.at(-1)).toBe('nothing to do')
  })

  it('says what to do when it does not run', async () => {
    const out: string[] = []
    const io = { out: (line: string) => void out.push(line), err: (line: string) => void out.push(line) }
    const gone = dataFolder({ port: 1, password: 'x' })
    expect(await migrateCommand(['status'], () => embeddedMigration(gone), io)).toBe(1)
    expect(out).toEqual(['migrate status: the embedded database does not run: start it with npm start'])
  })
})
