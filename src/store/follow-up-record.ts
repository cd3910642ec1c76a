import type { Knex } from 'knex'
import type { Dispatch } from '../domain/follow-up.js'
import { resultOfCall, resultOfMessage } from '../domain/follow-up.js'
import { foldMessage } from '../domain/message.js'
import type { MessageEffect } from '../domain/webhook.js'
import { createCall } from './call-creation.js'
import { appendEvents } from './event-log.js'
import { tellFollowUps } from './follow-up-results.js'
import type { FollowUpRow } from './follow-up-rows.js'
import { insertMessages, lockMessages, updateMessages } from './message-rows.js'

type Accepted = Extract<Dispatch, { state: 'accepted' }>

/**
 * Writes down that the provider took it: the message or the call, as it would stand after its first webhook, and with what
 * webhooks have said meanwhile, the follow-up. Locks the message or call before the follow-up, as webhooks do.
 */
export async function recordAccepted(trx: Knex.Transaction, row: FollowUpRow, accepted: Accepted): Promise<void> {
  const told = row.channel === 'sms' ? await message(trx, row, accepted) : await call(trx, row, accepted)
  const named = { followUpId: row.id, tenantId: row.tenantId, externalId: accepted.externalId }
  const provider = row.channel === 'sms' ? 'twilio' : 'bland'
  await appendEvents(trx, await tellFollowUps(trx, [{ ...named, provider, ...told }]))
}

async function message(trx: Knex.Transaction, row: FollowUpRow, { externalId, from }: Accepted) {
  const { tenantId, to, body } = row
  const effect: MessageEffect = {
    target: 'message',
    provider: 'twilio',
    externalId,
    tenant: { by: 'company', companyId: tenantId },
    direction: 'outbound',
    from: from ?? row.from ?? '',
    to,
    ...(body === null ? {} : { body }),
    status: 'queued',
    // As Twilio's own queued.
    statusRank: 2,
  }
  const at = new Date().toISOString()
  const key = { provider: 'twilio', externalId } as const
  await insertMessages(trx, [{ ...key, tenantId, state: foldMessage(undefined, effect, at) }])
  const [known] = await lockMessages(trx, [key])
  if (!known || known.tenantId !== tenantId) throw new Error('the message is another company’s')
  const state = foldMessage(known.state, effect, at)
  await updateMessages(trx, [{ id: known.id, state }])
  return resultOfMessage(state.status, state.errorCode)
}

async function call(trx: Knex.Transaction, row: FollowUpRow, { externalId }: Accepted) {
  const { tenantId, createdBy: userId, leadId, to } = row
  const { row: made } = await createCall(
    trx,
    { tenantId, userId, role: 'leadership' },
    {
      provider: 'bland',
      externalId,
      direction: 'outbound',
      to,
      userId,
      leadId,
      metadata: { follow_up_id: row.id },
    },
  )
  return resultOfCall(made.outcome)
}
