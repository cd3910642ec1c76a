import { createHash } from 'node:crypto'
import { isReplayable, type ReplayFilter } from '../domain/delivery.js'
import { NotFoundError, ParleyError } from '../domain/errors.js'
import type { Actor } from '../domain/identity.js'
import type { ReceiptStatus } from '../domain/webhook.js'
import type { Services } from '../services.js'
import { createReplayConfirmation } from './replay-confirmation.js'

export type DeliveryReplayServices = Pick<Services, 'deliveries' | 'replayClient'> & {
  webhooks: Pick<Services['webhooks'], 'replay' | 'waitSettled' | 'wakeDrain' | 'events'>
  config: { identity: Pick<Services['config']['identity'], 'jwtSecret'> }
}

/** The answer to one replay waits this long for what becomes of it. Milliseconds. */
const waitMs = 5000
/** More would hold the locks of their sessions too long. */
const batchSize = 50

const conflict = (code: string, detail: string) => new ParleyError(code, 409, 'Conflict', detail)
const notFound = () => new NotFoundError('no such delivery')

const refused = (status: ReceiptStatus) =>
  status === 'processed'
    ? conflict('delivery_processed', 'the delivery has been processed: its effects are there, and are made once')
    : conflict('delivery_pending', 'the delivery is about to be taken by itself')

/** Takes deliveries again on the word of leadership: one, or after a count all of a filter. */
export function createDeliveryReplay({ deliveries, replayClient, webhooks, config }: DeliveryReplayServices) {
  const confirmation = createReplayConfirmation({ secret: config.identity.jwtSecret })
  const { replay, events } = webhooks

  return {
    /** @returns the delivery as it stands afterwards; still "received" when nobody has taken it in time */
    async one(actor: Actor, id: string) {
      const found = await deliveries.find(actor, id)
      if (!found) throw notFound()
      if (!isReplayable(found.status)) throw refused(found.status)
      const settled = webhooks.waitSettled(id, waitMs)
      const reopened = await replay.reopen(actor.tenantId, id)
      if (reopened.state === 'missing') throw notFound()
      if (reopened.state === 'superseded')
        throw conflict('delivery_superseded', 'another delivery of the same event has been taken')
      if (reopened.state === 'refused') throw refused(reopened.status)
      events.replayed({ userId: actor.userId, tenantId: actor.tenantId, receiptId: id })
      webhooks.wakeDrain()
      await settled
      const delivery = await deliveries.find(actor, id)
      if (!delivery) throw notFound()
      return delivery
    },

    async count(actor: Actor, filter: ReplayFilter) {
      const { count, superseded, countedAt } = await deliveries.countReplayable(actor, filter)
      return { count, superseded, ...confirmation.issue({ tenantId: actor.tenantId, filter, count, countedAt }) }
    },

    /** Starts what was counted; the same confirmation starts it once. */
    async all(actor: Actor, filter: ReplayFilter, confirmed: string): Promise<{ id: string; total: number }> {
      const { tenantId, userId } = actor
      const { count: total, countedAt } = confirmation.read(confirmed, { tenantId, filter })
      const id = uuidOf(confirmed)
      if (await replayClient.progress(tenantId, id)) return { id, total }
      const { count } = await deliveries.countReplayable(actor, filter, countedAt)
      if (count !== total)
        throw conflict('replay_changed', `${total} deliveries were counted, and now there are ${count}: count again`)
      await replayClient.start(id, { tenantId, filter, countedAt, total, batchSize })
      events.replayed({ userId, tenantId, replayId: id, total })
      return { id, total }
    },
  }
}

export type DeliveryReplay = ReturnType<typeof createDeliveryReplay>

/** A name-based UUID, version 8 (RFC 9562): one confirmation is one replay. */
function uuidOf(text: string): string {
  const digest = createHash('sha256').update(text).digest().subarray(0, 16)
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x80
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80
  return digest.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
