import { createLineFile, type LineFile, noLineFile } from '../line-file.js'
import type { Script, WebhookSender } from './event.js'
import type { Attempt, Marks, StoredSubject, WebhookDelivery, WebhookRecord } from './record.js'

type Line =
  | { webhook: WebhookRecord }
  | { subject: StoredSubject }
  | { seq: number; delivery: WebhookDelivery }
  | { seq: number; index: number; attempt: Attempt }
  | { seq: number; index: number; state: WebhookDelivery['state'] }

/** Records beyond these are forgotten at a start. */
const kept = 20_000

/** Longer bodies are not written down: after a restart they can be read about, but not sent again. */
const largestKeptBody = 262_144

/** Every webhook that was to be sent and what became of it: the only way to change one, so that the journal has all. */
export function createWebhookTruth(path: string | undefined) {
  const file: LineFile = path === undefined ? noLineFile : createLineFile(path)
  const records = new Map<number, WebhookRecord>()
  const subjects = new Map<string, StoredSubject>()
  const append = (line: Line) => file.append(line)
  let lastSeq = 0

  function apply(line: Line): void {
    if ('webhook' in line) {
      lastSeq = Math.max(lastSeq, line.webhook.seq)
      return void records.set(line.webhook.seq, line.webhook)
    }
    if ('subject' in line) return void subjects.set(keyOf(line.subject.provider, line.subject.externalId), line.subject)
    const record = records.get(line.seq)
    if (record === undefined) return
    if ('delivery' in line) return void record.deliveries.push(line.delivery)
    const delivery = record.deliveries[line.index]
    if (delivery === undefined) return
    if ('attempt' in line) delivery.attempts.push(line.attempt)
    else delivery.state = line.state
  }

  function change(line: Line): void {
    apply(line)
    append(line)
  }

  return {
    /** Takes a script's webhooks and subjects in, due from now on. */
    add(provider: WebhookSender, script: Script, { now, copies }: { now: number; copies: Marks[] }): WebhookRecord[] {
      for (const { timeline, ...subject } of script.subjects) {
        const states = timeline.map(({ afterMs, state }) => ({ at: now + afterMs, state }))
        change({ subject: { provider, ...subject, timeline: states } })
      }
      const subject = script.subjects[0]?.externalId ?? null
      return script.steps.map(({ afterMs, webhook }) => {
        const record = { seq: ++lastSeq, provider, dueAt: now + afterMs, copies, webhook, subject, deliveries: [] }
        records.set(record.seq, record)
        append({
          webhook: Buffer.byteLength(webhook.body) > largestKeptBody ? withoutBody(record) : structuredClone(record),
        })
        return record
      })
    },
    addDelivery(record: WebhookRecord, delivery: WebhookDelivery): number {
      record.deliveries.push(delivery)
      append({ seq: record.seq, delivery: structuredClone(delivery) })
      return record.deliveries.length - 1
    },
    addAttempt: (record: WebhookRecord, index: number, attempt: Attempt) => {
      if (records.get(record.seq) === record) change({ seq: record.seq, index, attempt })
    },
    settle: (record: WebhookRecord, index: number, state: WebhookDelivery['state']) => {
      if (records.get(record.seq) === record) change({ seq: record.seq, index, state })
    },
    find: (seq: number): WebhookRecord | undefined => records.get(seq),
    all: () => records.values(),
    subject: (provider: WebhookSender, externalId: string) => subjects.get(keyOf(provider, externalId)),
    subjects: () => subjects.values(),
    /** What was sent before, and, to go on with, what had not come to its end. */
    restore(): WebhookRecord[] {
      file.open((lines) => {
        for (const line of lines) apply(line as Line)
        for (const seq of [...records.keys()].slice(0, Math.max(0, records.size - kept))) records.delete(seq)
        return [
          ...[...subjects.values()].map((subject) => ({ subject })),
          ...[...records.values()].map((webhook) => ({ webhook })),
        ]
      })
      return [...records.values()].filter(
        ({ webhook, deliveries }) =>
          webhook.body !== '' && (deliveries.length === 0 || deliveries.some(({ state }) => state === 'pending')),
      )
    },
    flush: () => file.flush(),
    clear(): void {
      records.clear()
      subjects.clear()
      file.clear()
    },
    close: () => file.close(),
  }
}

export type WebhookTruth = ReturnType<typeof createWebhookTruth>

const keyOf = (provider: WebhookSender, externalId: string) => `${provider}/${externalId}`
const withoutBody = (record: WebhookRecord): WebhookRecord => ({ ...record, webhook: { ...record.webhook, body: '' } })
