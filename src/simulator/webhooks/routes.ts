import Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import type { Config } from '../config.js'
import { parse } from '../invalid.js'
import type { Random } from '../random.js'
import type { WebhookAccounts } from './accounts.js'
import { type WebhookSender, webhookSenders } from './event.js'
import {
  isDelivered,
  isPending,
  type Marks,
  plainMarks,
  presentWebhook,
  type StoredSubject,
  type WebhookRecord,
} from './record.js'
import { readRequest, type SendOptions } from './scripts.js'
import type { WebhookSenderPart } from './sender.js'
import type { WebhookTruth } from './truth.js'

export interface WebhookControlDeps {
  config: Config
  accounts: WebhookAccounts
  truth: WebhookTruth
  sender: WebhookSenderPart
  random: Random
}

const listQuery = z.strictObject({
  provider: z.enum(webhookSenders).optional(),
  kind: z.string().optional(),
  external_id: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100_000).default(1000),
  /** Those after this one. */
  after: z.coerce.number().int().min(0).default(0),
})

/** Sends webhooks on demand and tells what became of them. */
export function webhookControlRoutes(deps: WebhookControlDeps): Router {
  const router = new Router({ prefix: '/__sim/webhooks' })
  const { truth, sender } = deps
  router.get('/', (ctx) => {
    const { provider, kind, external_id, limit, after } = parse(listQuery, ctx.query)
    const all = [...truth.all()]
    const wanted = all.filter(
      ({ seq, webhook, provider: from }) =>
        seq > after &&
        from === (provider ?? from) &&
        webhook.kind === (kind ?? webhook.kind) &&
        webhook.externalId === (external_id ?? webhook.externalId),
    )
    ctx.body = { webhooks: wanted.slice(0, limit).map(presentWebhook), total: wanted.length, counts: countsOf(all) }
  })
  router.get('/subjects', (ctx) => void (ctx.body = { subjects: [...truth.subjects()].map(presentSubject) }))
  router.get('/:seq', (ctx) =>
    withRecord(truth, ctx, (record) => void (ctx.body = { ...presentWebhook(record), body: record.webhook.body })),
  )
  router.post('/:seq/redeliver', (ctx) =>
    withRecord(truth, ctx, (record) => {
      sender.redeliver(record)
      ctx.status = 202
      ctx.body = { redelivered: 1 }
    }),
  )
  router.post('/:provider', (ctx) => send(ctx, deps))
  return router
}

function send(ctx: Context & { params: Record<string, string> }, deps: WebhookControlDeps): void {
  const provider = ctx.params.provider as WebhookSender
  if (!webhookSenders.includes(provider))
    return refuse(ctx, 404, `no such provider: one of ${webhookSenders.join(', ')}`)
  const { accounts, config, truth, random } = deps
  const now = Date.now()
  const context = { now, random: random.next, accounts: accounts.script }
  const { script, options } = readRequest(provider, ctx.request.body, context)
  if (config.webhook_target === null)
    return refuse(ctx, 409, 'nobody to send to: set webhook_target (POST /__sim/config) or start with --webhook-target')
  if (accounts.secrets[provider].length === 0 && !options.unsigned)
    return refuse(
      ctx,
      409,
      `no secret of ${provider} is configured: the application and the simulator read the same one`,
    )
  const records = truth.add(provider, script, { now, copies: copiesOf(options) })
  truth.flush()
  deps.sender.schedule(records)
  ctx.status = 202
  ctx.body = { webhooks: records.map(presentWebhook), subjects: script.subjects.map(({ externalId }) => externalId) }
}

function copiesOf(options: SendOptions): Marks[] {
  const { duplicates, delay_ms, bad_signature, tampered, unsigned, skew_seconds, legacy_signature } = options
  const forged = unsigned ? 'unsigned' : tampered ? 'tampered' : bad_signature ? 'bad_signature' : null
  const marks: Marks = { ...plainMarks, forged, delayed_ms: delay_ms, skew_seconds, legacy_signature }
  return [marks, ...Array.from({ length: duplicates }, () => ({ ...marks, duplicated: true }))]
}

function presentSubject({ provider, externalId, callId, expected }: StoredSubject) {
  return {
    provider,
    external_id: externalId,
    call_id: callId ?? null,
    expected:
      expected === undefined
        ? null
        : {
            outcome: expected.outcome,
            duration_seconds: expected.durationSeconds ?? null,
            recording: expected.recording ?? null,
            decided_by: expected.decidedBy,
          },
  }
}

/** By provider, what has been sent and what is still on its way. */
function countsOf(records: readonly WebhookRecord[]) {
  const counts: Record<string, { events: number; attempts: number; delivered: number; pending: number }> = {}
  for (const record of records) {
    const { provider, deliveries } = record
    const count = (counts[provider] ??= { events: 0, attempts: 0, delivered: 0, pending: 0 })
    count.events += 1
    count.attempts += deliveries.reduce((sum, { attempts }) => sum + attempts.length, 0)
    if (isDelivered(record)) count.delivered += 1
    if (isPending(record)) count.pending += 1
  }
  return counts
}

function withRecord(
  truth: WebhookTruth,
  ctx: Context & { params: Record<string, string> },
  work: (record: WebhookRecord) => void,
): void {
  const record = truth.find(Number(ctx.params.seq))
  if (record) work(record)
  else refuse(ctx, 404, 'no such webhook')
}

function refuse(ctx: Context, status: number, error: string): void {
  ctx.status = status
  ctx.body = { error }
}
