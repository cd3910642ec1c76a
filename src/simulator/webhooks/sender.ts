import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.js'
import type { Faults, WebhookFault } from '../faults.js'
import type { Random } from '../random.js'
import { createWorkQueue } from '../work-queue.js'
import type { WebhookAccounts } from './accounts.js'
import { policyOf } from './policy.js'
import { createPoster } from './post.js'
import { type Marks, plainMarks, type WebhookDelivery, type WebhookRecord } from './record.js'
import { signatureHeaders } from './signed.js'
import type { WebhookTruth } from './truth.js'

const atOnce = 64
const defaultDelayMs = 2000
/** What LiveKit has queued for longer is dropped. */
const livekitPatienceMs = 30_000

export interface SenderDeps {
  config: Config
  faults: Faults
  random: Random
  truth: WebhookTruth
  accounts: WebhookAccounts
}

/** Sends webhooks with their providers' own habits, and writes down every attempt. */
export function createWebhookSender({ config, faults, random, truth, accounts }: SenderDeps) {
  const poster = createPoster()
  let queue = createWorkQueue(atOnce)
  let life = newLife()
  const lines = new Map<string, Promise<unknown>>()
  const timers = new Set<NodeJS.Timeout>()
  const failures = { callrail: 0 }

  async function deliver(record: WebhookRecord, marks: Marks): Promise<void> {
    const disabled = record.provider === 'callrail' && isDisabled()
    const state = marks.lost ? 'lost' : disabled ? 'dropped' : 'pending'
    const index = truth.addDelivery(record, { marks, state, attempts: [] })
    if (state !== 'pending') return
    const { signal } = life
    if (marks.delayed_ms) await sleep(marks.delayed_ms, undefined, { signal })
    const began = Date.now()
    const work = async (): Promise<WebhookDelivery['state']> => {
      if (record.provider === 'livekit' && Date.now() - began > livekitPatienceMs) return 'dropped'
      return await attempts(record, index, marks)
    }
    truth.settle(record, index, await inLine(marks.duplicated ? undefined : record.webhook.resource, work))
  }

  /** One after the other within a resource: a newer event waits behind an older one that fails. */
  async function inLine<T>(resource: string | undefined, work: () => Promise<T>): Promise<T> {
    if (resource === undefined) return await work()
    const before = lines.get(resource)
    const mine = (before ?? Promise.resolve()).then(work, work)
    lines.set(resource, mine)
    try {
      return await mine
    } finally {
      if (lines.get(resource) === mine) lines.delete(resource)
    }
  }

  async function attempts(record: WebhookRecord, index: number, marks: Marks): Promise<WebhookDelivery['state']> {
    const { provider, webhook } = record
    const { signal } = life
    const policy = policyOf(provider, webhook, config)
    const [url, signedUrl] = addressesOf(record)
    const sign = () => signatureHeaders(provider, { webhook, marks, accounts, url: signedUrl, now: Date.now() })
    let signature = sign()
    for (let tried = 0; ; tried++) {
      if (tried > 0 && policy.signsAnew) signature = sign()
      const { attempt, retryAfterMs, control } = await queue.run(() =>
        poster.post({
          ...policy,
          url,
          body: bodyOf(record, marks),
          headers: { 'content-type': webhook.contentType, ...webhook.headers, ...signature },
          chunked: webhook.chunked ?? false,
          signal,
        }),
      )
      signal.throwIfAborted()
      truth.addAttempt(record, index, attempt)
      count(record, attempt.status)
      if (attempt.status !== null && attempt.status >= 200 && attempt.status < 300) return 'delivered'
      const delayMs = policy.delaysMs[tried]
      if (delayMs === undefined || !policy.retries(attempt) || stops(record, control)) return 'gave_up'
      await sleep(Math.max(delayMs, policy.waitsAsAsked ? retryAfterMs : 0), undefined, { signal })
    }
  }

  const stops = ({ provider }: WebhookRecord, control: string | null) =>
    provider === 'clerk' && (control === 'abort-message' || control === 'disable')

  /** CallRail switches an address off that fails again and again. */
  const isDisabled = () => config.callrail_disable_after !== null && failures.callrail >= config.callrail_disable_after

  function count({ provider }: WebhookRecord, status: number | null): void {
    if (provider === 'callrail') failures.callrail = status !== null && status < 300 ? 0 : failures.callrail + 1
  }

  /** Where it goes, and the address that its provider believes it goes to. */
  function addressesOf({ webhook }: WebhookRecord): [string, string] {
    const base = config.webhook_target ?? ''
    const tail = webhook.path + (webhook.query === undefined ? '' : `?${webhook.query}`)
    return [base + tail, (config.webhook_signed_base ?? base) + tail]
  }

  /** Each copy that its request and the faults make of one. */
  function copiesOf(record: WebhookRecord): Marks[] {
    const struck = faults.strikeWebhook(record.provider, record.webhook.kind)
    const has = (kind: WebhookFault['kind']) => struck.find((fault) => fault.kind === kind)
    const waitOf = (kind: WebhookFault['kind']) => (has(kind) ? (has(kind)?.delay_ms ?? defaultDelayMs) : 0)
    const delayed = Math.round(waitOf('delay') + random.next() * waitOf('reorder'))
    const later = (marks: Marks, more = 0) => ({ ...marks, delayed_ms: marks.delayed_ms + delayed + more })
    const first = record.copies[0] ?? plainMarks
    if (has('lost')) return [{ ...first, lost: true }]
    const apart = Math.round(random.chance(0.5) ? 0 : random.next() * waitOf('duplicate'))
    return [
      ...record.copies.map((marks) => later(marks)),
      ...(has('duplicate') ? [later({ ...first, duplicated: true }, apart)] : []),
      ...(has('bad_signature') ? [later({ ...first, duplicated: true, forged: 'bad_signature' as const })] : []),
    ]
  }

  function start(record: WebhookRecord, copies: () => Marks[]): void {
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        // A reset or the end of the process interrupts a wait; there is nobody left to tell.
        for (const marks of copies()) void deliver(record, marks).catch(() => undefined)
      },
      Math.max(0, record.dueAt - Date.now()),
    )
    timers.add(timer)
  }

  return {
    /** Sends each when it is due. */
    schedule: (records: readonly WebhookRecord[]) => records.forEach((record) => start(record, () => copiesOf(record))),
    /** Sends again what a killed simulator was at; what was delivered once stays so. */
    resume(records: readonly WebhookRecord[]): void {
      for (const record of records) {
        const open = record.deliveries.filter(({ state }) => state === 'pending').map(({ marks }) => marks)
        record.deliveries.forEach((one, index) => one.state === 'pending' && truth.settle(record, index, 'dropped'))
        start(record, () => (open.length > 0 ? open : copiesOf(record)))
      }
    },
    /** One more copy now, as a person asks for it in the provider's dashboard. */
    redeliver: (record: WebhookRecord) =>
      void deliver(record, { ...plainMarks, duplicated: true }).catch(() => undefined),
    clear(): void {
      life.abort()
      life = newLife()
      timers.forEach(clearTimeout)
      timers.clear()
      lines.clear()
      failures.callrail = 0
      queue.clear()
      queue = createWorkQueue(atOnce)
    },
    async close(): Promise<void> {
      life.abort()
      timers.forEach(clearTimeout)
      queue.clear()
      await poster.close()
    },
  }
}

export type WebhookSenderPart = ReturnType<typeof createWebhookSender>

function newLife(): AbortController {
  const life = new AbortController()
  setMaxListeners(0, life.signal)
  return life
}

/** Changed after it was signed: one more space is enough. */
const bodyOf = ({ webhook }: WebhookRecord, { forged }: Marks) =>
  Buffer.from(forged === 'tampered' ? `${webhook.body} ` : webhook.body)
