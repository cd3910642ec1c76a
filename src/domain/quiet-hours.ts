/** When nobody of a company's leads is called or written to: times of day in the zone, `HH:MM`; both null for never. */
export interface QuietHours {
  /** IANA name, such as Europe/Berlin. */
  timezone: string
  from: string | null
  to: string | null
}

/** Of a company that has not said otherwise: nobody is called or written to between nine in the evening and eight. */
export const usualQuietHours = { from: '21:00', to: '08:00' } as const

const minuteMs = 60_000
const dayMinutes = 1440
/** No clock has been changed by more at once without changing the date instead (Antarctica/Troll: two hours). */
const largestChangeMinutes = 180

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(timezone: string): Intl.DateTimeFormat {
  const known = formats.get(timezone)
  if (known) return known
  const made = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  formats.set(timezone, made)
  return made
}

/** Minutes since midnight that the zone's clocks show. */
function minuteOfDay(at: number, timezone: string): number {
  const parts = formatOf(timezone).formatToParts(at)
  const number = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0)
  return number('hour') * 60 + number('minute')
}

const minuteOf = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))

/** Whether the zone's clocks show a quiet time; the end is not quiet any more. */
export function isQuiet(at: number, { timezone, from, to }: QuietHours): boolean {
  if (from === null || to === null || from === to) return false
  const [now, begin, end] = [minuteOfDay(at, timezone), minuteOf(from), minuteOf(to)]
  return begin < end ? now >= begin && now < end : now >= begin || now < end
}

/**
 * The first moment from `at` on that is not quiet; epoch milliseconds both. What the clocks show decides: an hour that is
 * left out or comes twice makes the night shorter or longer, and the end stays the end.
 */
export function firstAllowed(at: number, hours: QuietHours): number {
  if (hours.to === null || !isQuiet(at, hours)) return at
  const minute = Math.floor(at / minuteMs) * minuteMs
  const left = (minuteOf(hours.to) - minuteOfDay(at, hours.timezone) + dayMinutes) % dayMinutes
  // A change of the clocks on the way moves the end: it is looked for minute by minute around where it would be.
  const begin = Math.max(minute, minute + (left - largestChangeMinutes) * minuteMs)
  for (let next = begin; next <= begin + 2 * largestChangeMinutes * minuteMs; next += minuteMs)
    if (next > at && !isQuiet(next, hours)) return next
  return minute + left * minuteMs
}
