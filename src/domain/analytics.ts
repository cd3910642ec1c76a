import { InvalidRequestError } from './errors.js'

/** Days of a company's calendar: `from` is the first, `to` the one after the last; YYYY-MM-DD. */
export interface DayRange {
  from: string
  to: string
}

/** A stretch of whole days, or of whole months, each named by its first day. */
export interface Stretch extends DayRange {
  grain: 'day' | 'month'
}

const dayMs = 86_400_000
const usualDays = 30

const textOf = (at: number) => new Date(at).toISOString().slice(0, 10)

/** The day so many days after another. */
export const daysAfter = (day: string, days: number) => textOf(Date.parse(day) + days * dayMs)

const daysBetween = ({ from, to }: DayRange) => (Date.parse(to) - Date.parse(from)) / dayMs

/** First day of the month that is so many months after a day's own. */
function monthOf(day: string, after = 0): string {
  const at = new Date(day)
  return textOf(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + after, 1))
}

/**
 * The days that are asked for: the thirty up to today where nothing is said.
 * @throws InvalidRequestError naming the bound that is wrong
 */
export function resolveDays(
  { from, to }: { from?: string | undefined; to?: string | undefined },
  { today, maxDays }: { today: string; maxDays: number },
): DayRange {
  const end = to ?? (from === undefined || from <= today ? daysAfter(today, 1) : daysAfter(from, usualDays))
  const range = { from: from ?? daysAfter(end, -usualDays), to: end }
  if (range.to <= range.from) throw wrongBound(to === undefined ? 'from' : 'to', 'must be a day after from')
  if (daysBetween(range) > maxDays)
    throw wrongBound(from === undefined ? 'to' : 'from', `must span at most ${maxDays} days`)
  return range
}

const wrongBound = (name: 'from' | 'to', detail: string) =>
  new InvalidRequestError('the days cannot be asked for', [{ pointer: `query/${name}`, detail }])

/** A range as days up to a month's beginning, whole months, and the days left: as few sums to read as there can be. */
export function stretchesOf({ from, to }: DayRange): Stretch[] {
  const firstMonth = monthOf(from) === from ? from : monthOf(from, 1)
  const lastMonth = monthOf(to)
  if (firstMonth >= lastMonth) return [{ grain: 'day', from, to }]
  const all: Stretch[] = [
    { grain: 'day', from, to: firstMonth },
    { grain: 'month', from: firstMonth, to: lastMonth },
    { grain: 'day', from: lastMonth, to },
  ]
  return all.filter((stretch) => stretch.from < stretch.to)
}

/** Whole months, and the days whose rows are to be added to them or taken from them. */
export interface MonthsAndDays {
  months: DayRange[]
  days: (DayRange & { sign: 1 | -1 })[]
}

/**
 * A range as whole months and single days, where a day costs far more than a month: of a month that is mostly within the
 * range, the days without are taken away instead.
 */
export function monthsAndDays({ from, to }: DayRange): MonthsAndDays {
  const result: MonthsAndDays = { months: [], days: [] }
  for (const stretch of stretchesOf({ from, to })) {
    if (stretch.grain === 'month') result.months.push({ from: stretch.from, to: stretch.to })
    else for (const part of perMonth(stretch)) addPart(result, part)
  }
  return result
}

function* perMonth({ from, to }: DayRange): Generator<DayRange> {
  for (let start = from; start < to; start = monthOf(start, 1)) {
    const end = monthOf(start, 1)
    yield { from: start, to: end < to ? end : to }
  }
}

function addPart({ months, days }: MonthsAndDays, part: DayRange): void {
  const month = { from: monthOf(part.from), to: monthOf(part.from, 1) }
  if (daysBetween(part) * 2 <= daysBetween(month)) return void days.push({ sign: 1, ...part })
  months.push(month)
  const outside = [
    { from: month.from, to: part.from },
    { from: part.to, to: month.to },
  ]
  for (const { from, to } of outside) if (from < to) days.push({ sign: -1, from, to })
}
