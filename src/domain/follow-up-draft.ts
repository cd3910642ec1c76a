import type { FollowUpChannel } from './follow-up.js'

/** What the ML partner has to write a follow-up from. */
export interface DraftRequest {
  tenantId: string
  /** Asking again under the same id gives the same draft, and no second job. */
  requestId: string
  leadId: string
  channel: FollowUpChannel
}

/** How a draft stands. */
export type Draft = { state: 'pending' } | { state: 'ready'; text: string } | { state: 'failed' }

/** Where drafts of follow-ups come from. */
export interface FollowUpDrafts {
  /** False while ENABLE_UWC_FOLLOWUPS is off: a follow-up that needs a draft is then refused. */
  readonly enabled: boolean
  /** Asks for a draft, or how the one that was asked for stands. */
  request(request: DraftRequest): Promise<Draft>
}
