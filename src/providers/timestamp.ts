const iso = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,12}))?\s?(Z|[+-]\d\d:?\d\d)?$/i

/**
 * A provider's time as RFC 3339 in UTC with microseconds, so that every spelling of one instant gives the same text.
 * Takes ISO text (without a zone: UTC) and Unix seconds; undefined for anything else.
 */
export function utcMicroseconds(value: unknown): string | undefined {
  if (typeof value === 'number') return ofSeconds(value)
  if (typeof value !== 'string') return undefined
  const match = iso.exec(value.trim())
  if (!match) return undefined
  const [, date, time, fraction = '', zone = 'Z'] = match
  return assemble(Date.parse(`${date}T${time}${zoneOf(zone)}`), fraction.padEnd(6, '0').slice(0, 6))
}

/** ECMAScript reads +01:00 for certain, +0100 and z only by grace. */
const zoneOf = (zone: string) => (/^z$/i.test(zone) ? 'Z' : zone.replace(/^([+-]\d\d):?(\d\d)$/, '$1:$2'))

function ofSeconds(seconds: number): string | undefined {
  if (!Number.isFinite(seconds) || seconds < 0) return undefined
  const micros = Math.round((seconds % 1) * 1e6)
  return assemble((Math.floor(seconds) + Math.floor(micros / 1e6)) * 1000, String(micros % 1e6).padStart(6, '0'))
}

function assemble(wholeSecondMs: number, micros: string): string | undefined {
  const date = new Date(wholeSecondMs)
  // Beyond year 9999 the form changes, and PostgreSQL would not read it.
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < 1 || date.getUTCFullYear() > 9999) return undefined
  return `${date.toISOString().slice(0, 19)}.${micros}Z`
}
