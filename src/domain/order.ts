// Orders that are total and the same on every machine: what is folded by them is a function of a set.

/** The alphabet of code points, which localeCompare is not. */
export const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

const firstInstant = Date.parse('0001-01-01T00:00:00Z')
const lastInstant = Date.parse('9999-12-31T23:59:59Z')
const inRange = (ms: number) => ms >= firstInstant && ms <= lastInstant

/** Epoch milliseconds of a time that PostgreSQL can read as well; undefined for anything else. */
export function instant(time: string | undefined): number | undefined {
  const ms = time === undefined ? Number.NaN : Date.parse(time)
  return inRange(ms) ? ms : undefined
}

/** RFC 3339 in UTC, milliseconds. */
export const timeOf = (ms: number | undefined) =>
  ms !== undefined && inRange(ms) ? new Date(ms).toISOString() : undefined

export const earliest = (times: readonly (number | undefined)[]) => extreme(times, (a, b) => a < b)
export const latest = (times: readonly (number | undefined)[]) => extreme(times, (a, b) => a > b)

function extreme(times: readonly (number | undefined)[], better: (a: number, b: number) => boolean) {
  let best: number | undefined
  for (const time of times) if (time !== undefined && (best === undefined || better(time, best))) best = time
  return best
}
