import { utcMicroseconds } from '../timestamp.js'

const rfc2822 = /^(?:[A-Za-z]{3}, )?\d{1,2} [A-Za-z]{3} \d{4} \d\d:\d\d:\d\d (?:[+-]\d{4}|GMT|UTC)$/

/** A time of Twilio's, such as `Sat, 21 Nov 2026 09:30:05 +0000`, as RFC 3339 in UTC. */
export function twilioTime(value: unknown): string | undefined {
  if (typeof value !== 'string' || !rfc2822.test(value)) return undefined
  const moment = new Date(value)
  return Number.isNaN(moment.getTime()) ? undefined : utcMicroseconds(moment.toISOString())
}
