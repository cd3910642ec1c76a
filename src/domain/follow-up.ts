import type { NewEvent } from './event.js'

export const followUpChannels = ['call', 'sms'] as const
export type FollowUpChannel = (typeof followUpChannels)[number]

/**
 * Where a follow-up stands. `sent`: the provider has taken it. `completed`: the text was delivered, the call took place.
 * `unknown`: nobody can tell whether the provider took it, and it is not tried again.
 */
export const followUpStatuses = ['scheduled', 'sending', 'sent', 'completed', 'failed', 'unknown', 'cancelled'] as const
export type FollowUpStatus = (typeof followUpStatuses)[number]

/** Why a follow-up failed, or is not known; null otherwise. */
export type FollowUpReason =
  | 'opted_out'
  | 'invalid_number'
  | 'not_permitted'
  | 'no_number'
  | 'rejected'
  | 'provider_credentials'
  | 'provider_out_of_credits'
  | 'provider_not_configured'
  | 'provider_unavailable'
  | 'draft_failed'
  | 'not_delivered'
  | 'no_answer'
  | 'busy'
  | 'call_failed'
  | 'not_confirmed'

/** What a provider said to a request that reaches a person. */
export type Dispatch =
  | { state: 'accepted'; externalId: string; from?: string | undefined }
  /** For good: another try would be refused as well. */
  | { state: 'refused'; reason: FollowUpReason; errorCode?: string | undefined }
  /** It did not take it, for certain. */
  | { state: 'not_accepted'; retryAfterSeconds?: number | undefined }
  /** It may have taken it. */
  | { state: 'unclear'; retryAfterSeconds?: number | undefined }

/** What a provider knows of a request whose answer was lost. */
export type Lookup =
  | { state: 'found'; externalId: string; from?: string | undefined }
  | { state: 'absent' }
  /** There is something that may be it. */
  | { state: 'ambiguous' }

/** One follow-up on its way to a person. */
export interface Errand {
  id: string
  tenantId: string
  /** E.164. */
  to: string
  /** The text, or what the caller is to talk about. */
  body: string
  /** The company's own number; the installation's when absent. */
  from?: string | undefined
}

/** What became of one at its provider, as its webhooks tell. */
export interface FollowUpResult {
  followUpId: string
  tenantId: string
  provider: 'twilio' | 'bland'
  externalId: string
  status: 'sent' | 'completed' | 'failed'
  reason?: FollowUpReason | undefined
  errorCode?: string | undefined
}

const furtherThan = { sent: 0, completed: 1, failed: 1 } as const

/** One result for each follow-up: of several that came together the one that says most. */
export function furthestResults(results: readonly FollowUpResult[]): FollowUpResult[] {
  const furthest = new Map<string, FollowUpResult>()
  for (const result of results) {
    const known = furthest.get(result.followUpId)
    if (!known || furtherThan[result.status] > furtherThan[known.status]) furthest.set(result.followUpId, result)
  }
  return [...furthest.values()]
}

/** Codes of Twilio that are the person's own no, or the number's (twilio.com/docs/api/errors). */
const personalCodes: Readonly<Record<string, FollowUpReason>> = {
  21610: 'opted_out',
  21211: 'invalid_number',
  21214: 'invalid_number',
  21217: 'invalid_number',
  21265: 'invalid_number',
  21612: 'invalid_number',
  21614: 'invalid_number',
  21635: 'invalid_number',
  30005: 'invalid_number',
  30006: 'invalid_number',
  21408: 'not_permitted',
}

/** Why Twilio refuses, or did not deliver; `otherwise` for a code that says nothing of the person. */
export const reasonOfTwilio = (code: string | undefined, otherwise: FollowUpReason): FollowUpReason =>
  code === undefined ? otherwise : (personalCodes[code] ?? otherwise)

/** Statuses of a message that left, and of one that never will be read. */
const arrived: ReadonlySet<string> = new Set(['delivered', 'read', 'partially_delivered'])
const lost: ReadonlySet<string> = new Set(['undelivered', 'failed', 'canceled'])

/** What a message's status says of its follow-up. */
export function resultOfMessage(
  status: string,
  errorCode: string | null,
): Pick<FollowUpResult, 'status' | 'reason' | 'errorCode'> {
  if (arrived.has(status)) return { status: 'completed' }
  if (!lost.has(status)) return { status: 'sent' }
  const code = errorCode ?? undefined
  return { status: 'failed', reason: reasonOfTwilio(code, 'not_delivered'), errorCode: code }
}

const reasonOfOutcome = { no_answer: 'no_answer', busy: 'busy', failed: 'call_failed' } as const

/** What a call's outcome says of its follow-up; null while it is not over. */
export function resultOfCall(
  outcome: 'completed' | 'no_answer' | 'busy' | 'failed' | null,
): Pick<FollowUpResult, 'status' | 'reason'> {
  if (outcome === null) return { status: 'sent' }
  return outcome === 'completed' ? { status: 'completed' } : { status: 'failed', reason: reasonOfOutcome[outcome] }
}

/** What of a follow-up its entries in the log tell: ids and states, never the number or the text. */
export interface ToldFollowUp {
  id: string
  tenantId: string
  leadId: string
  createdBy: string
  channel: FollowUpChannel
  status: FollowUpStatus
  reason: string | null
  provider: string | null
  externalId: string | null
}

/** The entry for a follow-up that was asked for, or that stands elsewhere than before. */
export const followUpEntry = (
  event: 'follow_up.created' | 'follow_up.status',
  row: ToldFollowUp,
  traceId?: string,
): NewEvent => ({
  event,
  severity: row.status === 'failed' || row.status === 'unknown' ? 'warning' : 'info',
  tenantId: row.tenantId,
  userId: row.createdBy,
  leadId: row.leadId,
  traceId,
  data: {
    follow_up_id: row.id,
    channel: row.channel,
    status: row.status,
    reason: row.reason,
    provider: row.provider,
    external_id: row.externalId,
  },
})
