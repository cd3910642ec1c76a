import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { firstAllowed, isQuiet, type QuietHours } from '../../src/domain/quiet-hours.js'

const night = (timezone: string, from: string | null = '21:00', to: string | null = '08:00'): QuietHours => ({
  timezone,
  from,
  to,
})
const allowed = (at: string, hours: QuietHours) => new Date(firstAllowed(Date.parse(at), hours)).toISOString()

describe('quiet hours @unit', () => {
  it.each([
    ['before they begin', '2026-03-01T20:59:59.999Z', '2026-03-01T20:59:59.999Z'],
    ['at their beginning', '2026-03-01T21:00:00.000Z', '2026-03-02T08:00:00.000Z'],
    ['before midnight', '2026-03-01T23:30:12.345Z', '2026-03-02T08:00:00.000Z'],
    ['after midnight', '2026-03-02T00:00:00.000Z', '2026-03-02T08:00:00.000Z'],
    ['just before their end', '2026-03-02T07:59:59.999Z', '2026-03-02T08:00:00.000Z'],
    ['at their end', '2026-03-02T08:00:00.000Z', '2026-03-02T08:00:00.000Z'],
    ['by day', '2026-03-02T12:00:00.000Z', '2026-03-02T12:00:00.000Z'],
  ])('over midnight, %s', (_when, at, then) => {
    expect(allowed(at, night('UTC'))).toBe(then)
  })

  it('within a day', () => {
    const lunch = night('UTC', '12:00', '13:30')
    expect(allowed('2026-03-01T11:59:00.000Z', lunch)).toBe('2026-03-01T11:59:00.000Z')
    expect(allowed('2026-03-01T12:00:00.000Z', lunch)).toBe('2026-03-01T13:30:00.000Z')
    expect(allowed('2026-03-01T23:00:00.000Z', lunch)).toBe('2026-03-01T23:00:00.000Z')
  })

  it('none at all', () => {
    expect(allowed('2026-03-01T03:00:00.000Z', night('UTC', null, null))).toBe('2026-03-01T03:00:00.000Z')
  })

  it('go by the clocks of the zone', () => {
    // New York: UTC−5 in winter, UTC−4 in summer.
    expect(allowed('2026-01-15T03:00:00.000Z', night('America/New_York'))).toBe('2026-01-15T13:00:00.000Z')
    expect(allowed('2026-07-15T03:00:00.000Z', night('America/New_York'))).toBe('2026-07-15T12:00:00.000Z')
    expect(allowed('2026-07-15T01:30:00.000Z', night('Asia/Kolkata'))).toBe('2026-07-15T02:30:00.000Z')
  })

  it('are an hour shorter in the night in which the clocks go forward', () => {
    // Berlin, 29 March 2026: 02:00 becomes 03:00, UTC+1 becomes UTC+2.
    expect(allowed('2026-03-28T20:00:00.000Z', night('Europe/Berlin'))).toBe('2026-03-29T06:00:00.000Z')
    expect(allowed('2026-03-29T00:59:59.000Z', night('Europe/Berlin'))).toBe('2026-03-29T06:00:00.000Z')
  })

  it('are an hour longer in the night in which the clocks go back', () => {
    // Berlin, 25 October 2026: 03:00 becomes 02:00, UTC+2 becomes UTC+1.
    expect(allowed('2026-10-24T19:00:00.000Z', night('Europe/Berlin'))).toBe('2026-10-25T07:00:00.000Z')
    expect(allowed('2026-10-25T00:30:00.000Z', night('Europe/Berlin'))).toBe('2026-10-25T07:00:00.000Z')
  })

  it('that end in the hour which is left out end when the clocks have jumped over it', () => {
    expect(allowed('2026-03-29T00:30:00.000Z', night('Europe/Berlin', '22:00', '02:30'))).toBe(
      '2026-03-29T01:00:00.000Z',
    )
  })

  it('that end in the hour which comes twice are quiet again when it comes again', () => {
    const hours = night('Europe/Berlin', '22:00', '02:30')
    expect(allowed('2026-10-24T23:00:00.000Z', hours)).toBe('2026-10-25T00:30:00.000Z')
    expect(isQuiet(Date.parse('2026-10-25T01:15:00.000Z'), hours)).toBe(true)
    expect(allowed('2026-10-25T01:15:00.000Z', hours)).toBe('2026-10-25T01:30:00.000Z')
  })

  it('never let anything out that is quiet, and hold nothing longer than they last', () => {
    const time = fc
      .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
      .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`)
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe')
    const year = { min: Date.parse('2026-01-01T00:00:00Z'), max: Date.parse('2027-01-01T00:00:00Z') }
    fc.assert(
      fc.property(zone, time, time, fc.integer(year), (timezone, from, to, at) => {
        const hours = { timezone, from, to }
        const then = firstAllowed(at, hours)
        expect(then).toBeGreaterThanOrEqual(at)
        expect(isQuiet(then, hours)).toBe(false)
        // Nothing before it was allowed.
        for (let minute = at; minute < then; minute += 60_000) expect(isQuiet(minute, hours)).toBe(true)
        expect(then - at).toBeLessThan(26 * 3_600_000)
      }),
      { numRuns: 60 },
    )
  })
})
