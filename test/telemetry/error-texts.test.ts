import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { safeMessage, withoutValues } from '../../src/observability/error-texts.js'
import { createDatabase, type Database } from '../../src/store/database.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { InvalidRequestError } from '../../src/domain/errors.js'

let test: TestDatabase
let database: Database
beforeAll(async () => {
  test = await createTestDatabase()
  database = createDatabase({ url: test.url, poolSize: 2 })
})
afterAll(async () => {
  await database.destroy()
  await test.drop()
})

const thrownBy = async (work: () => Promise<unknown>) =>
  (await work().then(
    () => undefined,
    (error: unknown) => error,
  )) as (Error & Record<string, unknown>) | undefined

describe('an error of PostgreSQL that leaves the store @integration', () => {
  const cases: [string, string, unknown[], string][] = [
    ['a value of the wrong type', 'select ?::text::uuid', ['Anna "the" Acme'], '22P02'],
    ['a time that is none', 'select ?::text::timestamptz', ['Anna'], '22007'],
    ['JSON that is none', 'select ?::text::jsonb', ['{"name": Anna}'], '22P02'],
    ['a number that is too large', 'select ?::text::int', ['99999999999415555'], '22003'],
  ]
  it.each(cases)('quotes nothing of %s', async (_, sql, values, code) => {
    for (const work of [
      () => database.withService(undefined, (trx) => trx.raw(sql, values as never)),
      () => database.statement(sql.replace('?', '$1'), values),
    ]) {
      const error = await thrownBy(work)
      expect(error).toMatchObject({ code })
      const shown = [error?.message, error?.stack, error?.detail, error?.where, error?.hint].join(' ')
      expect(shown).not.toMatch(/Anna|Acme|415555/)
      expect(error?.stack).toContain('error-texts.test')
    }
  })

  it('names the constraint of a duplicate, and not what was there before', async () => {
    const insert = `insert into companies (id, name) values ('0192a000-0000-7000-8000-0000000000ff', 'Anna')`
    const error = await thrownBy(() =>
      database.withService(undefined, async (trx) => {
        await trx.raw(insert)
        await trx.raw(insert)
      }),
    )
    expect(error).toMatchObject({ code: '23505', constraint: 'companies_pkey' })
    expect(error?.message).toContain('companies_pkey')
    expect([error?.message, error?.stack, error?.detail].join(' ')).not.toContain('Anna')
  })

  it('has no values when a builder of knex made the statement', async () => {
    const error = await thrownBy(() =>
      database.withService(undefined, (trx) => trx('companies').insert({ id: 'no-uuid-of-Anna', name: 'Anna Acme' })),
    )
    expect(error).toMatchObject({ code: '22P02' })
    expect([error?.message, error?.stack].join(' ')).not.toMatch(/Anna|Acme/)
  })
})

describe('texts of errors @unit', () => {
  const databaseError = (code: string, message: string) =>
    Object.assign(new pg.DatabaseError(message, 1, 'error'), { code, severity: 'ERROR' })

  it('of the database keep names of columns where there can be nothing else', () => {
    const missing = 'column "leads.phone" does not exist'
    expect(safeMessage(databaseError('42703', missing))).toBe(missing)
    expect(safeMessage(databaseError('P0001', 'Anna is known already'))).toBe('the database raised an exception')
  })

  it('of requests count the wrong fields: their names may be anything', () => {
    const error = new InvalidRequestError('/Anna Acme: unknown field', [
      { pointer: '/Anna Acme', detail: 'unknown field' },
    ])
    expect(safeMessage(error)).toBe('wrong fields: 1')
  })

  it('of a parser show none of the text', () => {
    const error = (() => {
      try {
        return JSON.parse('{"name": Anna}') as Error
      } catch (thrown) {
        return thrown as Error
      }
    })()
    expect(safeMessage(error)).not.toContain('nna')
  })

  it('of anything else stay as they are', () => {
    const error = new TypeError('x is not a function')
    expect(safeMessage(error)).toBe('x is not a function')
    expect(withoutValues(error)).toBe(error)
    expect(withoutValues('text')).toBe('text')
  })
})
