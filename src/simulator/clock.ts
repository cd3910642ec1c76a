/** Microseconds since 1970 that never repeat, so that order and time of events agree. */
export function createClock(): () => number {
  let last = 0
  return () => {
    last = Math.max(Date.now() * 1000 + Math.floor(Math.random() * 1000), last + 1)
    return last
  }
}

/** As Tavus writes a time: 2026-07-11T06:45:47.472000Z. */
export function isoMicros(micros: number): string {
  const milliseconds = new Date(Math.floor(micros / 1000)).toISOString().slice(0, -1)
  return `${milliseconds}${String(micros % 1000).padStart(3, '0')}Z`
}

export const isoOrNull = (micros: number | null): string | null => (micros === null ? null : isoMicros(micros))
