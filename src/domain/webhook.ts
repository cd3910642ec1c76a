import type { SessionEvent } from './event.js'

/** What became of a receipt. A failed one has released its key. */
export type ReceiptStatus = 'received' | 'processed' | 'waiting' | 'unmatched' | 'failed'
/** How an event came: by its webhook, by asking the provider, or by its webhook while the database was away. */
export type ReceiptSource = 'delivery' | 'reconcile' | 'spool'

/** One authentic, readable webhook before it is stored. */
export interface Delivery {
  provider: string
  /** What kind of event, in the provider's words. */
  kind: string
  /** The provider's id of what the event is about. */
  externalId: string
  /** Two deliveries of one event have the same: `<provider>/<kind>/<key>`. */
  deliveryKey: string
  /** The event in the answer to the provider. */
  eventId: string
  /** The session that the delivery proved to belong to. */
  sessionId?: string | undefined
  /** What is stored: the body less its secrets. */
  payload: Buffer
  headers: Record<string, string>
}

/** What an event does to a session. */
export interface SessionEffect {
  target: 'session'
  conversationId: string
  event: SessionEvent
}

/** What an event does; another kind of target is another member. */
export type WebhookEffect = SessionEffect

/** What the workflow of a session is told of an event. */
export interface SessionSignal {
  /** Delivery key: a repeat is recognised by it. */
  key: string
  kind: 'shutdown' | 'transcript' | 'recording' | 'participant_joined'
  at: string
}

const signalled: ReadonlySet<string> = new Set(['shutdown', 'transcript', 'recording', 'participant_joined'])

/** The signal of an event; undefined for what no session waits for. */
export function signalOf(deliveryKey: string, event: SessionEvent): SessionSignal | undefined {
  if (!signalled.has(event.kind)) return undefined
  return { key: deliveryKey, kind: event.kind as SessionSignal['kind'], at: event.at }
}
