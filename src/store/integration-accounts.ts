import { parsePhoneNumberFromString } from 'libphonenumber-js/min'
import type { IntegrationProvider } from '../domain/integration.js'

const telephony: ReadonlySet<string> = new Set(['twilio', 'callrail', 'bland'])
/** Ids as deliveries carry them: no blanks, no control characters. */
const plainId = /^[\x21-\x7e]{1,200}$/
const numberLike = /^\+?[\d\s().-]+$/

/**
 * An account as deliveries name it: ids as they are, telephone numbers in E.164, those without a country code as numbers
 * of the United States. Undefined for what no delivery could name.
 */
export function normaliseAccount(provider: IntegrationProvider, account: string): string | undefined {
  const trimmed = account.trim()
  if (!telephony.has(provider) || !numberLike.test(trimmed)) return plainId.test(trimmed) ? trimmed : undefined
  const number = parsePhoneNumberFromString(trimmed, 'US')
  if (number?.isPossible() && !number.ext) return number.number
  // The old numeric id of a company at CallRail.
  return provider === 'callrail' && /^\d+$/.test(trimmed) ? trimmed : undefined
}
