import { type AnalyticsActivityDeps, createAnalyticsActivities } from './analytics.js'
import { createCallReconcile, type CallReconcileDeps } from './call-reconcile.js'
import { createElevenLabsConversations, type ElevenLabsConversationDeps } from './elevenlabs-conversations.js'
import { createFollowUpActivities, createFollowUpCarrierActivities, type FollowUpActivityDeps } from './follow-ups.js'
import { createMentorRequest, type MentorRequestDeps } from './mentor-request.js'
import { createPrewarm } from './prewarm.js'
import { createReconcileActivities, type ReconcileActivityDeps } from './reconcile.js'
import { createSessionActivities, type SessionActivityDeps } from './session.js'
import { createTavusConversations, type TavusConversationDeps } from './tavus-conversations.js'
import { createUwcActivities, type UwcActivityDeps } from './uwc.js'
import { createWebhookPurgeActivities, type WebhookPurgeDeps } from './webhook-purge.js'
import { createWebhookReplayActivities, type WebhookReplayDeps } from './webhook-replay.js'
import { createWebhookActivities, type WebhookActivityDeps } from './webhooks.js'

export interface ActivityDeps {
  session: Omit<SessionActivityDeps, 'prewarm' | 'providers' | 'mentorRequest'>
  mentor: MentorRequestDeps
  reconcile: Omit<ReconcileActivityDeps, 'providers' | 'tavus' | 'installation'>
  tavus: TavusConversationDeps
  elevenlabs: ElevenLabsConversationDeps
  calls: CallReconcileDeps
  followUps: FollowUpActivityDeps
  webhook: WebhookActivityDeps & Pick<WebhookReplayDeps, 'replay'>
  purge: WebhookPurgeDeps
  uwc: UwcActivityDeps
  analytics: AnalyticsActivityDeps
  prewarmWarmMs: number
}

/** Every activity, by the task queue that serves it. */
export function createActivities(deps: ActivityDeps) {
  const { tavus, installation } = deps.tavus
  const providers = {
    tavus: createTavusConversations(deps.tavus),
    elevenlabs: createElevenLabsConversations(deps.elevenlabs),
  }
  const prewarm = createPrewarm({ llm: deps.session.llm, warmMs: deps.prewarmWarmMs, events: deps.session.events })
  const session = createSessionActivities({
    ...deps.session,
    providers,
    prewarm,
    mentorRequest: createMentorRequest(deps.mentor),
  })
  const reconcile = createReconcileActivities({ ...deps.reconcile, providers, tavus, installation })
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
    providers: {
      ...session,
      ...carried,
      ...createUwcActivities(deps.uwc),
    },
    webhooks: {
      ...createWebhookActivities(deps.webhook),
      ...createWebhookReplayActivities(deps.webhook),
      ...createWebhookPurgeActivities(deps.purge),
      ...createAnalyticsActivities(deps.analytics),
    },
  }
}
