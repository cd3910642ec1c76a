import { parsePhoneNumberFromString } from 'libphonenumber-js/min'
import { textOf } from './fields.js'

/** As long as a country's code and a subscriber's number are: as most providers write it, there is nothing to do. */
const e164 = /^\+[1-9]\d{9,13}$/

/**
 * The number in E.164. What is none stays as it came: `client:name`, `sip:…`, `anonymous`, a short code, or a number
 * without its country, which nobody can tell.
 */
export function phoneNumberOf(value: unknown): string | undefined {
  const text = textOf(value)?.slice(0, 200)
  if (text === undefined || !text.startsWith('+') || e164.test(text)) return text
  const parsed = parsePhoneNumberFromString(text, { extract: false })
  return parsed?.isPossible() && parsed.ext === undefined ? parsed.number : text
}

const channel = /^[a-z]+:(?=\+)/

/** Under what `integrations` may hold a number: as it is written, and without the channel before it (`whatsapp:+1…`). */
export function accountsOfNumber(value: unknown): string[] {
  const text = textOf(value)?.slice(0, 200)
  if (text === undefined) return []
  const number = phoneNumberOf(text.replace(channel, ''))
  return [...new Set([number, text])].filter((account) => account !== undefined)
}
