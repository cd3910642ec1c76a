import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor } from '../../src/store/cursor.js'

const id = '0192a000-0000-7000-8000-00000000ac3e'

describe('a cursor @unit', () => {
  it.each([
    '2026-03-01T10:00:00.123456Z',
    '0001-01-01T00:00:00.000000Z',
    '9999-12-31T23:59:59.999999Z',
    '2024-02-29T00:00:00.000000Z',
  ])('is read as it was written: %s', (time) => expect(decodeCursor(encodeCursor([time, id]))).toEqual([time, id]))

  it.each([
    '0000-01-01T00:00:00.000000Z',
    '0000-00-00T00:00:00.000000Z',
    '2026-02-30T00:00:00.000000Z',
    '2026-02-30T24:00:00.000000Z',
    '2026-03-01T24:00:00.000000Z',
    '2026-03-01T10:60:00.000000Z',
    '2026-03-01T::::::::.000000Z',
    '2026-03-01T10:00:00.000Z',
    'now',
  ])('with a time that is in no calendar is none of ours: %s', (time) => {
    expect(() => decodeCursor(encodeCursor([time, id]))).toThrow(
      expect.objectContaining({ status: 422, errors: [expect.objectContaining({ pointer: 'query/cursor' })] }) as Error,
    )
  })
})
