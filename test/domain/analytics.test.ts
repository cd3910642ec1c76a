import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { daysAfter, monthsAndDays, resolveDays, stretchesOf } from '../../src/domain/analytics.js'
import { InvalidRequestError } from '../../src/domain/errors.js'

const today = '2026-11-21'
const resolve = (asked: { from?: string; to?: string }, maxDays = 366) => resolveDays(asked, { today, maxDays })

function refusal(asked: { from?: string; to?: string }, maxDays?: number) {
  try {
    resolve(asked, maxDays)
  } catch (error) {
    return error instanceof InvalidRequestError ? error.errors : error
  }
  return undefined
}

const range = fc.tuple(fc.integer({ min: 0, max: 1500 }), fc.integer({ min: 1, max: 1200 })).map(([start, length]) => {
  const from = daysAfter('2023-11-03', start)
  return { from, to: daysAfter(from, length) }
})

/** Every day from the first to before the last. */
const daysOf = ({ from, to }: { from: string; to: string }) => {
  const days: string[] = []
  for (let day = from; day < to; day = daysAfter(day, 1)) days.push(day)
  return days
}

describe('the days of a question @unit', () => {
  it('are the thirty up to today where nothing is said', () => {
    expect(resolve({})).toEqual({ from: '2026-10-23', to: '2026-11-22' })
    expect(resolve({ from: '2026-11-01' })).toEqual({ from: '2026-11-01', to: '2026-11-22' })
    expect(resolve({ to: '2026-03-01' })).toEqual({ from: '2026-01-30', to: '2026-03-01' })
    expect(resolve({ from: '2027-01-01' })).toEqual({ from: '2027-01-01', to: '2027-01-31' })
  })

  it('are refused by the name of the bound that is wrong', () => {
    expect(refusal({ from: '2026-03-02', to: '2026-03-02' })).toEqual([
      { pointer: 'query/to', detail: 'must be a day after from' },
    ])
    expect(refusal({ from: '2026-03-03', to: '2026-03-02' })).toMatchObject([{ pointer: 'query/to' }])
    expect(refusal({ from: '2025-03-01', to: '2026-03-03' })).toEqual([
      { pointer: 'query/from', detail: 'must span at most 366 days' },
    ])
    expect(refusal({ from: '2025-03-01', to: '2026-03-02' })).toBeUndefined()
    expect(refusal({ from: '2020-01-01' })).toMatchObject([{ pointer: 'query/from' }])
  })

  it('are covered once by days and whole months, whatever they are', () => {
    fc.assert(
      fc.property(range, (asked) => {
        const stretches = stretchesOf(asked)
        expect(stretches.flatMap(daysOf)).toEqual(daysOf(asked))
        expect(stretches.length).toBeLessThanOrEqual(3)
        for (const { grain, from, to } of stretches)
          if (grain === 'month') expect([from.slice(8), to.slice(8)]).toEqual(['01', '01'])
      }),
    )
  })

  it('are months, plus and minus at most half a month of days at either end', () => {
    fc.assert(
      fc.property(range, (asked) => {
        const { months, days } = monthsAndDays(asked)
        const sums = new Map<string, number>()
        const add = (part: { from: string; to: string }, sign: number) => {
          for (const day of daysOf(part)) sums.set(day, (sums.get(day) ?? 0) + sign)
        }
        for (const month of months) {
          expect([month.from.slice(8), month.to.slice(8)]).toEqual(['01', '01'])
          add(month, 1)
        }
        for (const part of days) add(part, part.sign)
        const counted = [...sums].filter(([, sum]) => sum !== 0).sort()
        expect(counted).toEqual(daysOf(asked).map((day) => [day, 1]))
        expect(days.flatMap(daysOf).length).toBeLessThanOrEqual(32)
      }),
    )
  })
})
