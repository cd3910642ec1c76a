import type { MessageEffect } from '../../domain/webhook.js'
import { defined, linkOf, textOf } from '../fields.js'
import type { Fields } from '../json.js'
import { accountsOfNumber, phoneNumberOf } from '../phone-number.js'
import { utcMicroseconds } from '../timestamp.js'
import { companyAccounts } from './fields.js'

/** Only a message that was sent names its agent (apidocs.callrail.com/#webhooks). */
const isOutbound = (body: Fields) => textOf(body.agent) !== undefined

/** By what its company is looked for: our number before the company at CallRail, which companies may share. */
export const accountsOfMessage = (body: Fields): string[] => [
  ...accountsOfNumber(isOutbound(body) ? body.source_number : body.destination_number),
  ...companyAccounts(body),
]

/** What a text message does. */
export function messageEffect(externalId: string, body: Fields): MessageEffect {
  const outbound = isOutbound(body)
  const media = Array.isArray(body.media_urls) ? body.media_urls.slice(0, 50).flatMap((url) => linkOf(url) ?? []) : []
  return {
    target: 'message',
    provider: 'callrail',
    externalId,
    tenant: {
      by: 'integration',
      provider: 'callrail',
      accounts: accountsOfMessage(body),
    },
    direction: outbound ? 'outbound' : 'inbound',
    from: phoneNumberOf(body.source_number) ?? '',
    to: phoneNumberOf(body.destination_number) ?? '',
    status: outbound ? 'sent' : 'received',
    statusRank: 5,
    ...defined({
      body: typeof body.content === 'string' ? body.content : undefined,
      media: media.length > 0 ? media.map((url) => ({ url })) : undefined,
      at: utcMicroseconds(body.timestamp),
    }),
  }
}
