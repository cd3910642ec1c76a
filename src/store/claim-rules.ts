import { type FieldError, InvalidRequestError } from '../domain/errors.js'
import type { ClaimStanding, IntegrationProvider } from '../domain/integration.js'

/** What companies may claim for themselves. */
export interface ClaimRules {
  /** The installation's own accounts and numbers, which all companies share. */
  reserved: readonly { provider: IntegrationProvider; account: string | undefined }[]
  /** An account that is no number counts as soon as it is claimed, without the operator: for development. */
  accountsCountAtOnce: boolean
}

interface Claim {
  provider: IntegrationProvider
  account: string
}

/** A number may be written with its channel, `whatsapp:+1…`; of Twilio's, one without a plus is a short code. */
const isNumber = ({ provider, account }: Claim) =>
  /^(?:[a-z]+:)?\+\d/.test(account) || (provider === 'twilio' && /^\d{3,8}$/.test(account))

/** A number is one company's; an account may be shared by many, and whoever claims it first need not own it. */
export const standingOf = (claim: Claim, { accountsCountAtOnce }: ClaimRules): ClaimStanding =>
  isNumber(claim) || accountsCountAtOnce ? 'claimed' : 'pending'

/**
 * Organisations come from Clerk's own events only: whoever claims one would get its people. The installation's own
 * accounts are nobody's.
 * @throws InvalidRequestError 422 naming the field
 */
export function assertClaimable({ provider, account }: Claim, { reserved }: ClaimRules, pointer = '/provider'): void {
  if (provider === 'clerk') throw refusal({ pointer, detail: 'organisations are known by Clerk’s own events only' })
  if (reserved.some((one) => one.provider === provider && one.account === account))
    throw refusal({ pointer: '/account', detail: 'is the installation’s own, which all companies share' })
}

const refusal = (error: FieldError) => new InvalidRequestError(`${error.pointer}: ${error.detail}`, [error])
