import type { Usage } from '../domain/usage.js'
import type { ReceiptStatus } from '../domain/webhook.js'
import type { Logger } from './logger.js'
import type { Metrics } from './metrics.js'

interface Event {
  provider: string
  kind?: string | undefined
  tenantId?: string | undefined
}

/** One function per thing that happens to a webhook: its log line and its counter are written together. */
export function createWebhookEvents(log: Logger, metrics: Metrics) {
  const labels = ({ provider, tenantId }: Event) => ({ provider, tenant_id: tenantId ?? '' })
  return {
    /** A receipt was processed, postponed, parked or given up. */
    settled(
      settled: Event & {
        receiptId: string
        status: ReceiptStatus
        sessionId?: string | undefined
        error?: string | undefined
        usage?: Usage | undefined
      },
    ): void {
      const { receiptId, status, sessionId, error, provider, kind } = settled
      metrics.webhooksProcessed.inc({ ...labels(settled), status })
      if (settled.usage) countUsage(metrics, settled.usage)
      const fields = { provider, kind, receipt_id: receiptId, status, session_id: sessionId, error }
      if (!error) return log.info({ event: 'webhook:settled', ...fields }, 'webhook settled')
      if (status === 'failed') metrics.webhookFailures.inc(labels(settled))
      log.error({ event: 'webhook:failed', ...fields }, 'webhook could not be processed')
    },
    /** Events that a provider was asked for were taken: nobody delivered them, but what they used was used. */
    asked(settled: readonly { repeated?: boolean | undefined; usage?: Usage | undefined }[]): void {
      for (const { repeated, usage } of settled) if (usage && !repeated) countUsage(metrics, usage)
    },
    duplicate(event: Event & { receiptId: string }): void {
      metrics.webhookDuplicates.inc(labels(event))
      log.info(
        { event: 'webhook:duplicate', provider: event.provider, receipt_id: event.receiptId },
        'webhook seen before',
      )
    },
    /** Not authentic or not readable; nothing was stored. */
    refused({ provider, reason }: { provider: string; reason: string }): void {
      metrics.webhookFailures.inc({ provider, tenant_id: '' })
      log.warn({ event: 'webhook:refused', provider, reason }, 'webhook refused')
    },
    /** Receipts were deleted for their age. */
    purgedBatch({ receipts }: { receipts: number }): void {
      metrics.webhookIdempotencyPurged.inc(receipts)
    },
    /** The daily purge is done. */
    purged({ receipts, refreshTokens }: { receipts: number; refreshTokens: number }): void {
      log.info({ event: 'webhook:purged', receipts, refresh_tokens: refreshTokens }, 'old receipts deleted')
    },
    /** Somebody of leadership took deliveries again: one, or all of a filter. */
    replayed(replayed: {
      userId: string
      tenantId: string
      receiptId?: string
      replayId?: string
      total?: number
    }): void {
      const { userId, tenantId, receiptId, replayId, total } = replayed
      const fields = { user_id: userId, tenant_id: tenantId, receipt_id: receiptId, replay_id: replayId, total }
      log.info({ event: 'webhook:replayed', ...fields }, 'webhooks taken again by hand')
    },
    spooled({ provider, cause }: Event & { cause: unknown }): void {
      log.warn(
        { event: 'webhook:spooled', provider, err: cause },
        'the database did not take it: webhook kept in the spool',
      )
    },
    engineAway({ cause }: { cause: unknown }): void {
      log.warn({ event: 'webhook:engine_away', err: cause }, 'workflow engine away: webhooks are left to the drain')
    },
    answered({ provider, durationMs }: { provider: string; durationMs: number }): void {
      metrics.webhookAckDurationMs.observe({ provider }, durationMs)
    },
  }
}

function countUsage({ asrMinutes, llmTokens, smsSent }: Metrics, usage: Usage): void {
  if (usage.asrMinutes) asrMinutes.inc(usage.asrMinutes)
  if (usage.smsSent) smsSent.inc(usage.smsSent)
  for (const { model, tokens } of usage.llmTokens ?? []) llmTokens.inc({ model }, tokens)
}

export type WebhookEvents = ReturnType<typeof createWebhookEvents>
