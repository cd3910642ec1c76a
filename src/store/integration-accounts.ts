import { parsePhoneNumberFromString } from 'libphonenumber-js/min'
import type { IntegrationProvider } from '../domain/integration.js'

interface Accounts {
  /** Ids as deliveries carry them. */
  id: RegExp
  numbers: boolean
  /** What fits, in words. */
  fits: string
}

const accounts: Readonly<Record<IntegrationProvider, Accounts>> = {
  twilio: {
    // An account, or a short code that messages come to.
    id: /^(AC[0-9a-f]{32}|[2-9]\d{4,5})$/,
    numbers: true,
    fits: 'an account (AC and 32 hexadecimal digits), a telephone number such as +15005550006, or a short code',
  },
  callrail: {
    // The older ids of companies are numbers.
    id: /^(COM[0-9A-Za-z]{8,64}|\d{1,20})$/,
    numbers: true,
    fits: 'a company (COM…, or its older number) or a tracking number such as +15005550007',
  },
  clerk: { id: /^org_\w{1,190}$/, numbers: false, fits: 'an organisation (org_…)' },
  elevenlabs: { id: /^[\w-]{1,200}$/, numbers: false, fits: 'an agent (agent_…)' },
}
/** Older rows may be of providers whose accounts nobody asks for. */
const formOf = (provider: string): Accounts | undefined =>
  Object.hasOwn(accounts, provider) ? accounts[provider as IntegrationProvider] : undefined
const numberLike = /^\+?[\d\s().-]+$/

/** What an account of the provider looks like, for a person. */
export const accountHint = (provider: IntegrationProvider): string => formOf(provider)?.fits ?? 'what it was'

/**
 * An account as deliveries name it: ids as they are, telephone numbers in E.164, those without a country code as numbers
 * of the United States. Undefined for what no delivery could name.
 */
export function normaliseAccount(provider: IntegrationProvider, account: string): string | undefined {
  const form = formOf(provider)
  if (!form) return undefined
  const { id, numbers } = form
  const trimmed = account.trim()
  const number = numbers && numberLike.test(trimmed) ? parsePhoneNumberFromString(trimmed, 'US') : undefined
  if (number?.isPossible() && !number.ext) return number.number
  return id.test(trimmed) ? trimmed : undefined
}
