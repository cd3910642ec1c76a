import type { BusinessEvents } from '../src/observability/events.js'
import type { LlmClient } from '../src/providers/llm/client.js'
import type { PrewarmResult } from '../workflows/messages.js'

interface PrewarmDeps {
  llm: LlmClient
  warmMs: number
  events: BusinessEvents
  now?: () => number
}

/** Warms the custom LLM; starts that come together share one request, and a warm model is left alone for `warmMs`. */
export function createPrewarm({ llm, warmMs, events, now = Date.now }: PrewarmDeps): () => Promise<PrewarmResult> {
  let warmUntil = 0
  let running: Promise<PrewarmResult> | undefined

  async function warm(): Promise<PrewarmResult> {
    const started = now()
    const seconds = () => Math.round(now() - started) / 1000
    events.prewarmStarted()
    try {
      const status = await llm.prewarm()
      warmUntil = now() + warmMs
      events.prewarmSucceeded({ status, durationSeconds: seconds() })
      return { success: true, status, duration_sec: seconds() }
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown failure'
      events.prewarmFailed({ error: reason, durationSeconds: seconds() })
      return { success: false, error: reason, duration_sec: seconds() }
    }
  }

  return () => {
    if (now() < warmUntil) {
      events.prewarmSkipped({ reason: 'warm' })
      return Promise.resolve({ skipped: true, reason: 'warm' })
    }
    running ??= warm().finally(() => (running = undefined))
    return running
  }
}

export type Prewarm = ReturnType<typeof createPrewarm>
