import { NotFoundError } from './domain/errors.js'
import type { Draft, DraftRequest, FollowUpDrafts } from './domain/follow-up-draft.js'

/** What is needed of the ML partner's jobs: one job for each key, however often it is asked for. */
export interface PartnerDrafts {
  /** Whether ENABLE_UWC_FOLLOWUPS is on. */
  enabled: () => boolean
  /** @throws NotFoundError when the company has no such lead */
  request: (wanted: {
    tenantId: string
    requestKey: string
    leadId: string
    channel: 'call' | 'sms'
  }) => Promise<{ id: string; requestId: string }>
  read: (tenantId: string, id: string) => Promise<{ status: string; draft?: string | undefined }>
  /** Starts the job's workflow; that it runs is no error. */
  startJob: (job: { id: string; tenantId: string; requestId: string }) => Promise<void>
}

const open: ReadonlySet<string> = new Set(['queued', 'running'])

/**
 * Drafts of follow-ups by the ML partner. Without its jobs, or while its flag is off, none can be asked for: a follow-up
 * that needs one is refused with 404 feature_disabled before anything is written.
 */
export const createFollowUpDrafts = (partner?: PartnerDrafts): FollowUpDrafts => ({
  get enabled() {
    return partner?.enabled() ?? false
  },
  async request(request): Promise<Draft> {
    if (!partner?.enabled()) return { state: 'failed' }
    try {
      return await ask(partner, request)
    } catch (error) {
      if (error instanceof NotFoundError) return { state: 'failed' }
      throw error
    }
  },
})

async function ask(partner: PartnerDrafts, { requestId: requestKey, ...request }: DraftRequest): Promise<Draft> {
  const job = await partner.request({ ...request, requestKey })
  // Should the engine not take it now, whoever looks after jobs that nobody began does.
  await partner.startJob({ ...job, tenantId: request.tenantId }).catch(() => undefined)
  const { status, draft } = await partner.read(request.tenantId, job.id)
  if (status === 'completed' && draft !== undefined) return { state: 'ready', text: draft }
  return { state: open.has(status) ? 'pending' : 'failed' }
}
