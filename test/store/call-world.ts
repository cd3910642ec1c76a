import { randomUUID } from 'node:crypto'
import type { CallFact } from '../../src/domain/call.js'
import type { CallEffect } from '../../src/domain/webhook.js'
import { applyToCalls } from '../../src/store/call-applier.js'
import type { Pending } from '../../src/store/receipt-applier.js'
import { createCallStore, type NewCall } from '../../src/store/calls.js'
import { actors, type World } from './world.js'

/** A call of Acme's first rep by way of LiveKit, unless said otherwise. */
export const aCall = (changes: Partial<NewCall> = {}): NewCall => ({
  provider: 'livekit',
  externalId: `room-${randomUUID()}`,
  direction: 'outbound',
  from: '+15550100',
  to: '+15550101',
  userId: actors.acmeRep.userId,
  ...changes,
})

/** An effect as the engine hands it to its applier; every one has a key of its own. */
export function pending(effect: Omit<CallEffect, 'target'>, key: string = randomUUID()): Pending<'call'> {
  return {
    effect: { target: 'call', ...effect },
    receipt: {
      id: randomUUID(),
      delivery_key: `${effect.provider}/event/${key}`,
      provider: effect.provider,
      kind: 'event',
      external_id: effect.externalId,
      tenant_id: null,
      session_id: null,
      status: 'received',
      source: 'delivery',
      payload: Buffer.alloc(0),
      headers: {},
      signal: null,
      received_at: new Date(),
    },
  }
}

/** A LiveKit event with its own row. */
export const livekitEffect = (
  roomName: string,
  facts: CallFact[],
  changes: Partial<CallEffect> = {},
): Omit<CallEffect, 'target'> => ({
  provider: 'livekit',
  externalId: roomName,
  facts,
  livekit: {
    eventId: `EV_${randomUUID()}`,
    event: 'participant_left',
    roomSid: `RM_${roomName}`,
    roomName,
    participantIdentity: 'ada',
    createdAt: '2026-03-01T10:00:00.000Z',
  },
  ...changes,
})

export const apply = (world: Pick<World, 'database'>, ...batch: Pending<'call'>[]) =>
  world.database.withService(undefined, (trx) => applyToCalls(trx, batch))

/** A call with a LiveKit event, of the company. */
export async function fillCalls(world: World, tenantId: string): Promise<void> {
  const actor = Object.values(actors).find((one) => one.tenantId === tenantId) ?? actors.acmeLead
  const call = aCall({ userId: actor.userId })
  await createCallStore(world.database).create(actor, call)
  await apply(world, pending(livekitEffect(call.externalId, [])))
}
