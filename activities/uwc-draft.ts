import { setTimeout as sleep } from 'node:timers/promises'
import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity'
import { NotFoundError } from '../src/domain/errors.js'
import { isOver } from '../src/domain/partner-job.js'
import type { UwcDraftStore } from '../src/store/uwc-drafts.js'
import { toFailure } from './failure.js'

/** A draft of a follow-up that somebody waits for. */
export interface FollowUpDraftRequest {
  tenantId: string
  /** What it is for, such as the id of the follow-up: the same one gives the same draft, and the partner is asked once. */
  requestKey: string
  /** Our id of one of them; the call's when both are given. */
  leadId?: string | undefined
  callId?: string | undefined
  channel: 'call' | 'sms'
  /** Milliseconds from the first try: a draft that comes later is not waited for. */
  withinMs: number
}

export type FollowUpDraftResult =
  /** The partner's words, as they came: whoever sends them bounds and checks them. */
  | { state: 'drafted'; draft: string; jobId: string }
  /** ENABLE_UWC_FOLLOWUPS is off: nothing was sent. */
  | { state: 'disabled' }
  /** The company has no such lead or call: nothing was sent. */
  | { state: 'unknown' }
  /** The partner failed, or said nothing that is a text. */
  | { state: 'failed'; jobId: string; reason: string }
  /** Not there in time; the job goes on, and its result will be in its row. */
  | { state: 'late'; jobId: string }

export interface UwcDraftDeps {
  drafts: Pick<UwcDraftStore, 'request' | 'read'>
  enabled: () => boolean
  /** Starts the job's workflow; that it runs is no error. */
  startJob: (job: { id: string; tenantId: string; requestId: string }) => Promise<void>
}

/** Between two looks at the row. */
const lookEveryMs = 500

/** The one step by which another workflow gets a draft. */
export function createUwcDraftActivities({ drafts, enabled, startJob }: UwcDraftDeps) {
  async function awaitDraft(tenantId: string, id: string, until: number): Promise<FollowUpDraftResult> {
    for (;;) {
      heartbeat()
      const { status, draft, error } = await drafts.read(tenantId, id)
      if (status === 'completed' && draft !== undefined) return { state: 'drafted', draft, jobId: id }
      if (isOver(status)) return { state: 'failed', jobId: id, reason: error ?? 'no_draft' }
      if (Date.now() >= until) return { state: 'late', jobId: id }
      await sleep(lookEveryMs, undefined, { signal: cancellationSignal() })
    }
  }

  return {
    /**
     * Asks the ML partner for a draft of a follow-up and waits for it. Idempotent by `requestKey`; give it a
     * startToCloseTimeout longer than `withinMs`, a heartbeatTimeout of some seconds, and retries.
     */
    async requestFollowUpDraft(request: FollowUpDraftRequest): Promise<FollowUpDraftResult> {
      if (!enabled()) return { state: 'disabled' }
      const { tenantId, withinMs } = request
      try {
        const job = await drafts.request(request)
        // Should the engine not take it now, the job is begun by whoever looks after jobs that nobody began.
        await startJob({ ...job, tenantId }).catch(() => undefined)
        return await awaitDraft(tenantId, job.id, activityInfo().scheduledTimestampMs + withinMs)
      } catch (error) {
        if (error instanceof NotFoundError) return { state: 'unknown' }
        throw toFailure(error)
      }
    },
  }
}

export type UwcDraftActivities = ReturnType<typeof createUwcDraftActivities>
