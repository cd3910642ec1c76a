import type { CallFact, CallProvider } from './call.js'
import type { SessionEvent } from './event.js'
import type { Role } from './identity.js'

/** Who sends webhooks. */
export const webhookProviders = [
  'tavus',
  'elevenlabs',
  'livekit',
  'twilio',
  'callrail',
  'clerk',
  'bland',
  'uwc',
] as const
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
  /**
   * By what its company will be found, in the provider's words: number, account, organisation, company, call or room. In a
   * backlog each of them has its turn.
   */
  account?: string | undefined
  /** What is stored: the body less its secrets. */
  payload: Buffer
  headers: Record<string, string>
}

/** What an event does to a session. */
export interface SessionEffect {
  target: 'session'
  conversationId: string
  /** Whose leadership sees the event while nobody knows its conversation. */
  tenant?: TenantOf | undefined
  event: SessionEvent
}

/** How the company of an event is found when the event's own row does not tell it. */
export type TenantOf =
  /**
   * By the number, account, company or organisation that `integrations` holds: the first whose claim is confirmed, else
   * the first that is claimed. In the order from what is one company's to what companies may share; `partial` where only
   * the latter is told, so that a call which the provider told of says better whose it is.
   */
  | { by: 'integration'; provider: string; accounts: readonly string[]; partial?: true }
  /** Named by who signed; it must be a company of ours. */
  | { by: 'company'; companyId: string }

/** What an event does to a call. */
export interface CallEffect {
  target: 'call'
  provider: CallProvider
  externalId: string
  /** Our own id of the call, where the event carries it. */
  callId?: string | undefined
  /**
   * Whose the call is: no other company's row is touched, and one that is not there is made. Without it the row must be
   * there.
   */
  tenant?: TenantOf | undefined
  /** The follow-up that had it placed, where the event carries that. */
  followUpId?: string | undefined
  /** The row must be there all the same. */
  makesNone?: true | undefined
  facts: readonly CallFact[]
  /** A LiveKit event, kept as its own row. */
  livekit?: LivekitEventRecord | undefined
}

export interface LivekitEventRecord {
  eventId: string
  event: string
  roomSid?: string | undefined
  roomName?: string | undefined
  /** It tells of the call and shows no room, whose metadata may name another call than the room's name does. */
  roomless?: true | undefined
  participantIdentity?: string | undefined
  /** RFC 3339, UTC: the provider's own time. */
  createdAt: string
}

/** What an event does to a text message. */
export interface MessageEffect {
  target: 'message'
  provider: 'twilio' | 'callrail'
  externalId: string
  tenant: TenantOf
  direction: 'inbound' | 'outbound'
  from: string
  to: string
  /** Absent in a status of a message whose text came earlier. */
  body?: string | undefined
  media?: readonly { url: string; contentType?: string | undefined }[] | undefined
  status: string
  /** The follow-up that had it sent, where the event carries that. */
  followUpId?: string | undefined
  /** Of two statuses the higher stays: a late "sent" does not follow "delivered". */
  statusRank: number
  errorCode?: string | undefined
  at?: string | undefined
}

/** What an event of the identity provider does. Times are epoch milliseconds: the later one of an entity wins. */
export type IdentityEffect = { target: 'identity'; provider: 'clerk' } & IdentityChange
export type IdentityChange =
  | UserChange
  | OrganizationChange
  | MembershipChange
  /** Recorded only. */
  | { entity: 'other'; organizationId?: string | undefined }

interface EntityChange {
  deleted: boolean
  updatedAt: number
  /** When the provider told it: of two with one time of change the later told wins. */
  sentAt: number
}

export interface UserChange extends EntityChange {
  entity: 'user'
  userId: string
  email?: string | undefined
  displayName?: string | undefined
}

export interface OrganizationChange extends EntityChange {
  entity: 'organization'
  organizationId: string
  name?: string | undefined
}

export interface MembershipChange extends EntityChange {
  entity: 'membership'
  organizationId: string
  organizationName?: string | undefined
  userId: string
  email?: string | undefined
  displayName?: string | undefined
  role: Role
}

/** A job of the ML partner as far as it has come, in one vocabulary; `other` is a word that we do not know. */
export type PartnerStatus = 'queued' | 'running' | 'failed' | 'completed' | 'other'
export type PartnerJobKind = 'asr' | 'rag' | 'training' | 'analysis' | 'followup'

export interface PartnerSubject {
  type: 'call' | 'document' | 'rep' | 'lead'
  id: string
}

/** What an answer says of one thing of several. */
export interface PartnerItem {
  subject: PartnerSubject
  status: PartnerStatus
  partnerStatus: string
  data: Record<string, unknown>
}

/** What an answer of the ML partner does. */
export interface PartnerEffect {
  target: 'partner'
  kind: PartnerJobKind
  tenant: { by: 'company'; companyId: string }
  jobId: string
  requestId?: string | undefined
  status: PartnerStatus
  /** The partner's own word for the status. */
  partnerStatus: string
  /** What the answer is about; all of it must be the company's. */
  subjects: readonly PartnerSubject[]
  data: Record<string, unknown>
  /** Of an answer about several things what it says of each. */
  items?: readonly PartnerItem[] | undefined
  /** RFC 3339, UTC. */
  at?: string | undefined
}

/** What an event does; each target has an applier in the store. */
export type WebhookEffect = SessionEffect | CallEffect | MessageEffect | IdentityEffect | PartnerEffect

/** What the workflow of a session is told of an event. */
export interface SessionSignal {
  /** Delivery key: a repeat is recognised by it. */
  key: string
  kind: 'shutdown' | 'transcript' | 'recording' | 'participant_joined'
  at: string
  /** It tells of the end as well, where the provider sends no event of its own for that. */
  over?: true | undefined
}

/** What the workflow of a job of ours is told: the job is over, and its row says how. */
export interface JobSignal {
  /** Delivery key. */
  key: string
  kind: 'job_over'
  job: PartnerJobKind
  requestId: string
}

/** What a receipt lets a workflow know. */
export type ReceiptSignal = SessionSignal | JobSignal

export const isJobSignal = (signal: ReceiptSignal): signal is JobSignal => signal.kind === 'job_over'

const signalled: ReadonlySet<string> = new Set(['shutdown', 'transcript', 'recording', 'participant_joined'])

/** The signal of an event; undefined for what no session waits for. */
export function signalOf(deliveryKey: string, event: SessionEvent): SessionSignal | undefined {
  if (!signalled.has(event.kind)) return undefined
  const over = event.kind !== 'shutdown' && event.facts.shutdownAt !== undefined
  return { key: deliveryKey, kind: event.kind as SessionSignal['kind'], at: event.at, ...(over ? { over } : {}) }
}
