import { createCallReconcile, type CallReconcileDeps } from './call-reconcile.js'
import { createConversationReader, type ConversationReaderDeps } from './conversation-reader.js'
import { createFollowUpActivities, createFollowUpCarrierActivities, type FollowUpActivityDeps } from './follow-ups.js'
import { createElevenLabsSweep, type ElevenLabsSweepDeps } from './elevenlabs-sweep.js'
import { createPrewarm } from './prewarm.js'
import { createReconcileActivities, type ReconcileActivityDeps } from './reconcile.js'
import { createSessionActivities, type SessionActivityDeps } from './session.js'
import { createWebhookPurgeActivities, type WebhookPurgeDeps } from './webhook-purge.js'
import { createWebhookReplayActivities, type WebhookReplayDeps } from './webhook-replay.js'
import { createWebhookActivities, type WebhookActivityDeps } from './webhooks.js'

export interface ActivityDeps {
  session: Omit<SessionActivityDeps, 'prewarm' | 'reader'>
  reconcile: Omit<ReconcileActivityDeps, 'reader' | 'sweepElevenLabs'>
  elevenlabs: ElevenLabsSweepDeps
  reader: ConversationReaderDeps
  calls: CallReconcileDeps
  followUps: FollowUpActivityDeps
  webhook: WebhookActivityDeps & Pick<WebhookReplayDeps, 'replay'>
  purge: WebhookPurgeDeps
  prewarmWarmMs: number
}

/** Every activity, by the task queue that serves it. */
export function createActivities(deps: ActivityDeps) {
  const reader = createConversationReader(deps.reader)
  const prewarm = createPrewarm({ llm: deps.session.llm, warmMs: deps.prewarmWarmMs, events: deps.session.events })
  const session = createSessionActivities({ ...deps.session, reader, prewarm })
  const reconcile = createReconcileActivities({
    ...deps.reconcile,
    reader,
    sweepElevenLabs: createElevenLabsSweep(deps.elevenlabs),
  })
  const { sweepCalls } = createCallReconcile(deps.calls)
  const followUps = createFollowUpActivities(deps.followUps)
  const carried = createFollowUpCarrierActivities(deps.followUps)
  return {
    sessions: {
      ...session,
      ...reconcile,
      ...followUps,
      /** One sweep for all: the calls and follow-ups wait for no provider of sessions, and the other way round. */
      async sweepSessions() {
        const [sessions] = await Promise.allSettled([
          reconcile.sweepSessions(),
          sweepCalls(),
          followUps.sweepFollowUps(),
        ])
        if (sessions.status === 'rejected') throw sessions.reason
        return sessions.value
      },
    },
    providers: { ...session, ...carried },
    webhooks: {
      ...createWebhookActivities(deps.webhook),
      ...createWebhookReplayActivities(deps.webhook),
      ...createWebhookPurgeActivities(deps.purge),
    },
  }
}
