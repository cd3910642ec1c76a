import type { MessageEffect } from '../../domain/webhook.js'
import { amountOf, defined, linkOf, textOf, wordOf } from '../fields.js'
import type { Fields } from '../json.js'
import { phoneNumberOf } from '../phone-number.js'
import { messageStatus } from './events.js'
import type { FollowUpMark } from './follow-up-mark.js'
import { tenantOf } from './tenant.js'

/** How far each status is (twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks). */
const ranks: Readonly<Record<string, number>> = {
  accepted: 1,
  scheduled: 1,
  receiving: 1,
  queued: 2,
  sending: 3,
  sent: 4,
  received: 5,
  delivered: 5,
  undelivered: 5,
  failed: 5,
  canceled: 5,
  partially_delivered: 5,
  read: 6,
}

/**
 * What an event of a message does; a status that nobody knows ranks below all others. The mark of a follow-up says whose it
 * is: the number may be the installation's, which companies share.
 */
export function messageEffect(kind: string, externalId: string, fields: Fields, mark?: FollowUpMark): MessageEffect {
  const direction = kind === 'sms.received' ? 'inbound' : 'outbound'
  const status = wordOf(messageStatus(fields)) ?? (direction === 'inbound' ? 'received' : 'unknown')
  return {
    target: 'message',
    provider: 'twilio',
    externalId,
    tenant: mark ? { by: 'company', companyId: mark.tenantId } : tenantOf(fields, direction),
    direction,
    from: phoneNumberOf(fields.From) ?? '',
    to: phoneNumberOf(fields.To) ?? '',
    status,
    statusRank: Object.hasOwn(ranks, status) ? (ranks[status] ?? 0) : 0,
    ...defined({
      followUpId: mark?.followUpId,
      // As it was written: spaces and line ends belong to it.
      body: typeof fields.Body === 'string' ? fields.Body : undefined,
      media: mediaOf(fields),
      errorCode: textOf(fields.ErrorCode)?.slice(0, 100),
    }),
  }
}

const mostMedia = 50

function mediaOf(fields: Fields): { url: string; contentType?: string }[] | undefined {
  const count = Math.min(amountOf(fields.NumMedia) ?? 0, mostMedia)
  const media = Array.from({ length: Math.trunc(count) }, (_, index) => {
    const url = linkOf(fields[`MediaUrl${index}`])
    return url === undefined ? [] : [{ url, ...defined({ contentType: textOf(fields[`MediaContentType${index}`]) }) }]
  }).flat()
  return media.length > 0 ? media : undefined
}
