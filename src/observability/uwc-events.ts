import type { Logger } from './logger.js'
import type { Metrics } from './metrics.js'

interface Answered {
  endpoint: string
  method: string
  /** Of the answer; `none` without one. */
  status: string
  durationMs: number
}

/** One function per thing that happens to a request to the ML partner. */
export function createUwcEvents(log: Logger, metrics: Metrics) {
  return {
    answered({ endpoint, method, status, durationMs }: Answered): void {
      metrics.uwcRequests.inc({ endpoint, method, status })
      metrics.uwcRequestDurationMs.observe({ endpoint, method }, durationMs)
    },
    failed({ endpoint, type }: { endpoint: string; type: string }): void {
      metrics.uwcRequestErrors.inc({ endpoint, error_type: type })
      log.warn({ event: 'uwc:failed', provider: 'uwc', operation: endpoint, error: type }, 'the ML partner failed')
    },
    retried({ endpoint }: { endpoint: string }): void {
      metrics.uwcRetries.inc({ endpoint })
    },
    /** A question was answered. */
    asked({ llmTokens = [] }: { llmTokens?: readonly { model: string; tokens: number }[] }): void {
      for (const { model, tokens } of llmTokens) metrics.llmTokens.inc({ model }, tokens)
    },
  }
}

export type UwcEvents = ReturnType<typeof createUwcEvents>
