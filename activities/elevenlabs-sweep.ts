import { ProviderError } from '../src/domain/errors.js'
import type { Logger } from '../src/observability/logger.js'
import type { ElevenLabsClient } from '../src/providers/elevenlabs/client.js'
import type { IngestEvents } from '../src/store/receipt-ingest.js'
import type { OpenRow, SessionStore } from '../src/store/sessions.js'

export interface ElevenLabsSweepDeps {
  elevenlabs: Pick<ElevenLabsClient, 'configured' | 'getConversation'>
  sessions: Pick<SessionStore, 'listOpenAtElevenLabs' | 'recordFacts'>
  ingest: IngestEvents
  log: Pick<Logger, 'warn'>
  /** No conversation lasts longer: one that is open still has ended without telling. Seconds. */
  maxOpenSeconds: number
  /** Rows of one round; the next one goes on behind them. */
  rowsPerRound?: number
}

/** A slow provider must not hold the sweep up: what is left is the next round's. Milliseconds. */
const roundMs = 10_000

const final: ReadonlySet<string> = new Set(['done', 'failed'])

/**
 * Asks ElevenLabs for conversations that should have ended, and takes the answer in as the webhook that it would have
 * been; a webhook that comes after all is then a duplicate.
 */
export function createElevenLabsSweep(deps: ElevenLabsSweepDeps) {
  const { elevenlabs, sessions, ingest, log, maxOpenSeconds, rowsPerRound = 50 } = deps
  let after: OpenRow | undefined

  async function ask({ sessionId, conversationId }: OpenRow, signal: AbortSignal): Promise<void> {
    const conversation = await elevenlabs.getConversation(conversationId, signal).catch((error: unknown) => {
      if (error instanceof ProviderError && error.code === 'provider_not_found') return undefined
      throw error
    })
    if (conversation && !final.has(conversation.status)) return
    const events = conversation ? [conversation] : []
    const settled = await ingest({ provider: 'elevenlabs', sessionId, conversationId, events })
    if (settled.length > 0) return
    // Nobody knows of it any more, or its webhook has come and did not say when it ended.
    const endedAt = new Date().toISOString()
    await sessions.recordFacts({ sessionId, conversationId, facts: { endedAt, foundByReconcile: true } })
  }

  return async function sweepElevenLabs(signal: AbortSignal, onEach: () => void): Promise<number> {
    if (!elevenlabs.configured) return 0
    const until = Date.now() + roundMs
    const rows = await sessions.listOpenAtElevenLabs(maxOpenSeconds, rowsPerRound, after)
    let asked = 0
    for (const row of rows) {
      onEach()
      signal.throwIfAborted()
      if (Date.now() > until) break
      await ask(row, signal).catch((error: unknown) => log.warn({ err: error }, 'a step of the sweep failed'))
      // What stays open must not keep the rest from being asked about.
      after = row
      asked++
    }
    if (asked === rows.length && asked < rowsPerRound) after = undefined
    return asked
  }
}

export type ElevenLabsSweep = ReturnType<typeof createElevenLabsSweep>
