import { createTavusWebhooks } from '../../providers/tavus/webhook.js'

/** One copy on its way, as the simulator wrote it down. */
export interface TruthDelivery {
  forged: boolean
  attempts: { status: number | null; answer: string | null }[]
}

/** One event that really happened, and how its provider told of it. */
export interface TruthEvent {
  provider: string
  kind: string
  externalId: string
  /** What the provider itself calls the event. */
  eventId: string | null
  /** The life that it belongs to. */
  subject: string | null
  /** Of the body; null where what is stored is not the body. */
  sha256: string | null
  /** Where nothing else tells the event's receipt. */
  deliveryKey: string | null
  pending: boolean
  deliveries: TruthDelivery[]
}

/** What must have become of a life. */
export interface TruthSubject {
  provider: string
  external_id: string
  expected: { outcome: string[]; duration_seconds: number | null; recording: boolean | null; decided_by: string } | null
}

interface ToldWebhook {
  provider: string
  kind: string
  external_id: string
  event_id: string | null
  subject: string | null
  body_sha256: string
  pending: boolean
  deliveries: { marks: { forged: string | null }; attempts: { status: number | null; answer: string | null }[] }[]
}

interface ToldConversation {
  conversation_id: string
  callback_url: string | null
  created_at: string
  events: { event_type: string; timestamp: string }[]
  deliveries: { event_type: string; timestamp: string; status: number | null; attempts: number; forged: boolean }[]
}

async function ask<T>(url: string): Promise<T> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(60_000) })
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
  return (await answer.json()) as T
}

/** A moment in the simulator's record: a long-running one has more than this day. */
export interface Beginning {
  since: Date
  /** Number of the last webhook before. */
  after: number
}

/** Now, in the simulator's record. */
export async function beginningOf(simulatorUrl: string): Promise<Beginning> {
  const { webhooks } = await ask<{ webhooks: { seq: number }[] }>(`${simulatorUrl}/__sim/webhooks?limit=100000`)
  return { since: new Date(Date.now() - 1000), after: webhooks.at(-1)?.seq ?? 0 }
}

/** Everything that the simulator has sent since, Tavus' callbacks with the rest. */
export async function readEvents(simulatorUrl: string, { since, after }: Beginning): Promise<TruthEvent[]> {
  const [others, tavus] = await Promise.all([
    ask<{ webhooks: ToldWebhook[] }>(`${simulatorUrl}/__sim/webhooks?limit=100000&after=${after}`),
    ask<{ conversations: ToldConversation[] }>(`${simulatorUrl}/__sim/conversations`),
  ])
  return [
    ...others.webhooks.map(ofWebhook),
    ...tavus.conversations.filter(({ created_at }) => new Date(created_at) >= since).flatMap(ofConversation),
  ]
}

/** What must have become of the calls and conversations that these events tell of. */
export async function readSubjects(simulatorUrl: string, events: readonly TruthEvent[]): Promise<TruthSubject[]> {
  const { subjects } = await ask<{ subjects: TruthSubject[] }>(`${simulatorUrl}/__sim/webhooks/subjects`)
  const told = new Set(events.map(({ provider, subject }) => `${provider} ${subject}`))
  return subjects.filter(({ provider, external_id }) => told.has(`${provider} ${external_id}`))
}

const ofWebhook = (told: ToldWebhook): TruthEvent => ({
  provider: told.provider,
  kind: told.kind,
  externalId: told.external_id,
  eventId: told.event_id,
  subject: told.subject,
  sha256: told.body_sha256,
  deliveryKey: null,
  pending: told.pending,
  deliveries: told.deliveries.map(({ marks, attempts }) => ({ forged: marks.forged !== null, attempts })),
})

const tavusWebhooks = createTavusWebhooks({ callbackSecrets: [], allowUnsigned: false })

/** A joining is told under two names and is one event: the key says so. */
function ofConversation({ conversation_id, callback_url, events, deliveries }: ToldConversation): TruthEvent[] {
  const sessionId = URL.canParse(callback_url ?? '') ? new URL(callback_url ?? '').searchParams.get('session') : null
  const byKey = new Map<string, TruthEvent>()
  for (const event of events) {
    const asked = { sessionId: sessionId ?? '', conversationId: conversation_id }
    const key = tavusWebhooks.asDelivery?.(event, asked).deliveryKey ?? ''
    const told = deliveries.filter((one) => one.event_type === event.event_type && one.timestamp === event.timestamp)
    const sent = told.map(({ forged, attempts, status }) => ({
      forged,
      attempts: Array.from({ length: attempts }, () => ({ status, answer: null })),
    }))
    const known = byKey.get(key)
    if (known) known.deliveries.push(...sent)
    else byKey.set(key, tavusEvent(event.event_type, { conversationId: conversation_id, key, sent }))
  }
  return [...byKey.values()]
}

const tavusEvent = (
  kind: string,
  { conversationId, key, sent }: { conversationId: string; key: string; sent: TruthDelivery[] },
): TruthEvent => ({
  provider: 'tavus',
  kind,
  externalId: conversationId,
  eventId: null,
  subject: null,
  sha256: null,
  deliveryKey: key,
  pending: false,
  deliveries: sent,
})
