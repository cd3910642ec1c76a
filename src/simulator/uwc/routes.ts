import { createHmac, timingSafeEqual } from 'node:crypto'
import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import type { Config } from '../config.js'
import type { ApiOperation } from '../faults.js'
import type { Random } from '../random.js'
import type { WebhookAccounts } from '../webhooks/accounts.js'
import type { OutgoingWebhook } from '../webhooks/event.js'
import { plainMarks } from '../webhooks/record.js'
import type { WebhookSenderPart } from '../webhooks/sender.js'
import { standardKey } from '../webhooks/sign.js'
import type { WebhookTruth } from '../webhooks/truth.js'
import { presentJob, typeOf, type UwcJob, type UwcJobs, type UwcKind, webhooksOf } from './jobs.js'
import { questionSchema, readSubmission, wrongFields } from './requests.js'

export interface UwcRouteDeps {
  config: Config
  accounts: WebhookAccounts
  jobs: UwcJobs
  truth: WebhookTruth
  sender: WebhookSenderPart
  random: Random
  faulty: (operation: ApiOperation) => Middleware
}

/** Seconds that a signature may be old or early. */
const tolerance = 300

/** The API of the ML partner; every job is told of by a signed webhook when it is done. */
export function uwcRoutes(deps: UwcRouteDeps): Router[] {
  const { jobs, faulty } = deps
  const router = new Router({ prefix: '/uwc/v1' })
  router.use(authentic(deps))
  for (const [path, kind] of Object.entries(paths))
    router.post(path, faulty('uwc_submit'), (ctx) => submit(ctx, kind, deps))
  router.post('/rag/query', faulty('uwc_ask'), answerQuestion)
  router.get('/jobs/:id', faulty('uwc_status'), (ctx) => {
    const job = jobs.find(ctx.params.id ?? '')
    if (!job || job.companyId !== ctx.get('x-company-id')) return refuse(ctx, 404, 'no such job')
    ctx.body = presentJob(job, Date.now())
  })
  return [router, controls(jobs)]
}

const paths: Readonly<Record<string, UwcKind>> = {
  '/asr/batch': 'asr',
  '/documents/index': 'rag',
  '/training/submit': 'training',
  '/analysis/submit': 'analysis',
  '/followups/draft': 'followup',
}

/** What the simulator knows of its jobs. */
function controls(jobs: UwcJobs): Router {
  const router = new Router({ prefix: '/__sim/uwc' })
  router.get('/jobs', (ctx) => {
    ctx.body = {
      jobs: jobs.all().map((job) => ({
        ...presentJob(job, Date.now()),
        items: job.items.map(({ field, id }) => ({ [field]: id })),
        submissions: job.submissions,
        request: JSON.parse(job.body) as unknown,
      })),
    }
  })
  return router
}

function submit(ctx: Context, kind: UwcKind, { config, jobs, random, truth, sender, accounts }: UwcRouteDeps): void {
  const read = readSubmission(kind, ctx.request.body)
  if ('wrong' in read) return refuse(ctx, 422, read.wrong.join('; '))
  if (read.companyId !== ctx.get('x-company-id')) return refuse(ctx, 403, 'the key is not that company’s')
  const failed = random.chance(config.uwc_failure_rate)
  const doneAt = Date.now() + random.between(config.uwc_job_ms)
  const found = jobs.submit({ ...read, kind, failed, doneAt, body: JSON.stringify(ctx.request.body) })
  if (found === 'other_request') return refuse(ctx, 409, 'request_id was used with another request')
  const { job, isNew } = found
  ctx.status = isNew ? 202 : 200
  ctx.body = { job_id: job.jobId, status: isNew ? 'queued' : presentJob(job, Date.now()).status }
  if (isNew && config.webhook_target !== null && accounts.secrets.uwc.length > 0) announce(job, { truth, sender })
}

function announce(job: UwcJob, { truth, sender }: Pick<UwcRouteDeps, 'truth' | 'sender'>): void {
  const now = Date.now()
  const steps = webhooksOf(job).map(({ eventId, body }) => ({
    afterMs: Math.max(0, job.doneAt - now),
    webhook: outgoing(job, eventId, body),
  }))
  const records = truth.add('uwc', { steps, subjects: [] }, { now, copies: [plainMarks] })
  sender.schedule(records)
}

function outgoing({ kind, jobId }: UwcJob, eventId: string, body: object): OutgoingWebhook {
  const route = typeOf[kind].replace('.', '/')
  return {
    kind: route,
    externalId: jobId,
    eventId,
    path: `/webhooks/uwc/${route}`,
    contentType: 'application/json',
    body: JSON.stringify(body),
  }
}

function answerQuestion(ctx: Context): void {
  const parsed = questionSchema.safeParse(ctx.request.body)
  if (!parsed.success) return refuse(ctx, 422, wrongFields(parsed.error).join('; '))
  const { query, request_id } = parsed.data
  ctx.body = {
    request_id,
    answer: `The documents say this of “${query}”: Thursday.`,
    sources: [{ document_id: 'doc-1', score: 0.92 }],
    model: 'uwc-chat',
    tokens: 321,
  }
}

/** The key as a bearer token, and the signature of Standard Webhooks over what was sent. */
function authentic({ accounts }: Pick<UwcRouteDeps, 'accounts'>): Middleware {
  return async function uwcAuthentication(ctx, next) {
    if (accounts.uwcApiKey === undefined || ctx.get('authorization') !== `Bearer ${accounts.uwcApiKey}`)
      return refuse(ctx, 401, 'no such key')
    const { secrets } = accounts
    if (secrets.uwc.length > 0 && !secrets.uwc.some((secret) => isSigned(ctx, secret)))
      return refuse(ctx, 401, 'the signature is missing or wrong')
    await next()
  }
}

function isSigned(ctx: Context, secret: string): boolean {
  const [id, timestamp, signature] = ['id', 'timestamp', 'signature'].map((name) => ctx.get(`webhook-${name}`))
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > tolerance) return false
  const raw = (ctx.request as { rawBody?: string }).rawBody ?? ''
  const expected = `v1,${createHmac('sha256', standardKey(secret)).update(`${id}.${timestamp}.${raw}`).digest('base64')}`
  const [a, b] = [Buffer.from(expected), Buffer.from(signature ?? '')]
  return a.length === b.length && timingSafeEqual(a, b)
}

function refuse(ctx: Context, status: number, message: string): void {
  ctx.status = status
  ctx.body = { success: false, error: { message } }
}
