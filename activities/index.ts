import { createConversationReader, type ConversationReaderDeps } from './conversation-reader.js'
import { createElevenLabsSweep, type ElevenLabsSweepDeps } from './elevenlabs-sweep.js'
import { createPrewarm } from './prewarm.js'
import { createReconcileActivities, type ReconcileActivityDeps } from './reconcile.js'
import { createSessionActivities, type SessionActivityDeps } from './session.js'
import { createWebhookActivities, type WebhookActivityDeps } from './webhooks.js'

export interface ActivityDeps {
  session: Omit<SessionActivityDeps, 'prewarm' | 'reader'>
  reconcile: Omit<ReconcileActivityDeps, 'reader' | 'sweepElevenLabs'>
  elevenlabs: ElevenLabsSweepDeps
  reader: ConversationReaderDeps
  webhook: WebhookActivityDeps
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
  return {
    sessions: { ...session, ...reconcile },
    providers: session,
    webhooks: createWebhookActivities(deps.webhook),
  }
}
