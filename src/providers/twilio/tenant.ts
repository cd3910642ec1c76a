import type { CallDirection } from '../../domain/call.js'
import type { TenantOf } from '../../domain/webhook.js'
import { textOf, wordOf } from '../fields.js'
import type { Fields } from '../json.js'
import { accountsOfNumber } from '../phone-number.js'

/** The company of the number of ours, else that of the account, which companies may share. */
export function tenantOf(fields: Fields, direction: CallDirection | undefined): TenantOf {
  const account = textOf(fields.AccountSid)
  const ours = direction === 'inbound' ? fields.To : direction === 'outbound' ? fields.From : undefined
  return {
    by: 'integration',
    provider: 'twilio',
    accounts: [...accountsOfNumber(ours), ...(account === undefined ? [] : [account])],
  }
}

/** A trunk originates calls that come in and terminates those that go out (twilio.com/docs/sip-trunking). */
export function directionOf(fields: Fields): CallDirection | undefined {
  const word = wordOf(fields.Direction) ?? ''
  if (word === 'inbound' || word === 'trunking_originating') return 'inbound'
  return word.startsWith('outbound') || word === 'trunking_terminating' ? 'outbound' : undefined
}
