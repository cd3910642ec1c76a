import type { CallDirection } from '../../domain/call.js'
import type { TenantOf } from '../../domain/webhook.js'
import { textOf, wordOf } from '../fields.js'
import type { Fields } from '../json.js'
import { accountsOfNumber } from '../phone-number.js'
import type { TwilioKind } from './events.js'

/** The company of the number of ours, else that of the account, which companies may share. */
export function tenantOf(fields: Fields, direction: CallDirection | undefined): TenantOf & { by: 'integration' } {
  const account = textOf(fields.AccountSid)
  const ours = direction === 'inbound' ? fields.To : direction === 'outbound' ? fields.From : undefined
  return {
    by: 'integration',
    provider: 'twilio',
    accounts: [...accountsOfNumber(ours), ...(account === undefined ? [] : [account])],
  }
}

/** The first account by which the company of an event is looked for; a message says its direction by its kind. */
export function accountOf(kind: TwilioKind, fields: Fields): string | undefined {
  const direction = kind === 'sms.received' ? 'inbound' : kind === 'sms.status' ? 'outbound' : directionOf(fields)
  const { accounts } = tenantOf(fields, kind === 'recording' ? undefined : direction)
  return accounts[0]
}

/** A trunk originates calls that come in and terminates those that go out (twilio.com/docs/sip-trunking). */
export function directionOf(fields: Fields): CallDirection | undefined {
  const word = wordOf(fields.Direction) ?? ''
  if (word === 'inbound' || word === 'trunking_originating') return 'inbound'
  return word.startsWith('outbound') || word === 'trunking_terminating' ? 'outbound' : undefined
}
