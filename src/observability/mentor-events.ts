import type { Logger } from './logger.js'

interface OfSession {
  sessionId: string
  tenantId: string
}

/** What is logged of mentor sessions: how their context was had, and never what is in it. */
export function createMentorEvents(log: Logger) {
  const of = ({ sessionId, tenantId }: OfSession) => ({ session_id: sessionId, tenant_id: tenantId })
  return {
    contextComposed: (done: OfSession & { cached: boolean; sources: number; ms: number }) =>
      log.info(
        {
          event: 'mentor:context:composed',
          ...of(done),
          cached: done.cached,
          sources: done.sources,
          latency_ms: Math.round(done.ms * 10) / 10,
        },
        'context composed',
      ),
    contextFailed: (failed: OfSession & { error: unknown; remembered: boolean }) =>
      log.warn(
        { event: 'mentor:context:failed', ...of(failed), err: failed.error, remembered: failed.remembered },
        'the context could not be read, the call goes on',
      ),
  }
}

export type MentorEvents = ReturnType<typeof createMentorEvents>
