import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rowSet } from '../../src/store/row-set.js'
import { createWorld, type World } from './world.js'

interface Row {
  id: string
  place: number
  text?: string | null
  on: boolean
  at: string | null
  data: unknown
}

const set = rowSet<Row>('r', {
  id: 'uuid',
  place: 'integer',
  text: 'text',
  on: 'boolean',
  at: 'timestamptz',
  data: 'jsonb',
})
const id = (n: number) => `00000000-0000-4000-8000-00000000000${n}`

let world: World
beforeAll(async () => (world = await createWorld()))
afterAll(() => world.close())

const read = (rows: Row[]) =>
  world.database.withService(undefined, async (trx) => {
    const found = await trx.raw<{ rows: object[] }>(`select r.* from ${set.from}`, set.bindings(rows))
    return found.rows
  })

describe('rows as a parameter for each column @integration', () => {
  it('arrive as they were, in order', async () => {
    const at = new Date('2026-11-21T10:14:43.000Z')
    const rows: Row[] = [
      {
        id: id(1),
        place: 1,
        text: 'a "quoted" \\ one, {two}',
        on: true,
        at: at.toISOString(),
        data: { a: [null, 1.5] },
      },
      { id: id(2), place: -2, text: null, on: false, at: null, data: 'null' },
      { id: id(3), place: 3, on: true, at: null, data: null },
      { id: id(4), place: 4, text: 'NULL', on: true, at: null, data: [] },
      { id: id(5), place: 5, text: '', on: true, at: null, data: false },
    ]
    expect(await read(rows)).toEqual(
      rows.map((row) => ({ ...row, text: row.text ?? null, at: row.at === null ? null : at })),
    )
  })

  it('may lack a value in every row, and be none at all', async () => {
    expect(await read([{ id: id(1), place: 1, on: true, at: null, data: {} }])).toEqual([
      { id: id(1), place: 1, text: null, on: true, at: null, data: {} },
    ])
    expect(await read([])).toEqual([])
  })

  it('lose what PostgreSQL cannot store', async () => {
    const row = { id: id(1), place: 1, text: 'a\0b\ud800', on: true, at: null, data: { 'c\0': '\udfff' } }
    expect(await read([row])).toEqual([{ ...row, text: 'ab\ufffd', data: { c: '\ufffd' } }])
  })
})
