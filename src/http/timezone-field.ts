import { textField } from './fields.js'

/** The IANA name of a time zone, as this machine knows them. */
export const timezoneField = textField(64).refine(isTimezone, 'must be the IANA name of a time zone')

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
