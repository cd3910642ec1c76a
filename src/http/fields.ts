import { parsePhoneNumberFromString } from 'libphonenumber-js/min'
import { z } from 'zod'

/** As the database takes it: years that it has not would be its failure instead of an answer. */
export const timeField = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text).toISOString())
  .refine((text) => /^(?!0000)\d{4}-/.test(text), 'must be within the years 1 to 9999')

/** An id of ours, as the database spells it. */
export const idField = (of: string) => z.uuid({ error: `must be the id of ${of}` }).toLowerCase()

export const textField = (maxLength: number) => z.string().trim().min(1, 'must not be empty').max(maxLength)

export const timezoneField = textField(64).refine(isTimezone, 'must be the IANA name of a time zone')

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

export const emailField = z
  .string()
  .trim()
  .max(320)
  .regex(/^[^\s@]+@[^\s@]+$/, 'must be an email address')

/** E.164; a number without a country code is one of the United States. */
export const phoneField = z.string().max(50).transform(toE164)

function toE164(text: string, ctx: z.RefinementCtx): string {
  const number = parsePhoneNumberFromString(text.trim(), 'US')
  if (number?.isPossible() && !number.ext) return number.number
  ctx.addIssue({ code: 'custom', message: 'must be a telephone number' })
  return z.NEVER
}

/** Whoever changes nothing has misspelled something. */
export const changesSomething = [
  (change: object) => Object.keys(change).length > 0,
  // What names a wrong field says enough.
  { message: 'must change at least one field', when: ({ issues }: { issues: unknown[] }) => issues.length === 0 },
] as const

export const shownTime = z.string().meta({ format: 'date-time' })

/** A time as it leaves the server. */
export const iso = (at: Date | null) => at?.toISOString() ?? null
