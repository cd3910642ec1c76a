import { activityInfo, cancellationSignal } from '@temporalio/activity'
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common'
import { ProviderError } from '../src/domain/errors.js'
import { isOver } from '../src/domain/partner-job.js'
import type { PartnerJobKind } from '../src/domain/webhook.js'
import type { Logger } from '../src/observability/logger.js'
import type { UwcClient } from '../src/providers/uwc/client.js'
import type { AskedJob } from '../src/providers/uwc/polled.js'
import type { OpenUwcJob, UwcJobStore } from '../src/store/uwc-jobs.js'
import type { UwcJobState } from '../workflows/messages.js'
import { toFailure } from './failure.js'
import { withHeartbeat } from './heartbeat.js'

/** A row of a job. */
interface JobId {
  id: string
  tenantId: string
}

export interface UwcActivityDeps {
  jobs: Pick<UwcJobStore, 'open' | 'submitted' | 'forget' | 'end'>
  client: Pick<UwcClient, 'submit' | 'job'>
  /** Whether anything of this kind may be sent. */
  enabled: (kind: PartnerJobKind) => boolean
  /** Takes in what the partner was asked for, as the webhook that it would have been. */
  ingest: (job: AskedJob, answer: Record<string, unknown>) => Promise<unknown>
  log: Logger
}

/** A fault of ours, which somebody mends: the job waits for it. */
const mendable: ReadonlySet<string> = new Set([
  'provider_credentials',
  'provider_not_configured',
  'provider_out_of_credits',
  'provider_at_capacity',
  'provider_not_found',
])

/** One idempotent step of a job of the ML partner each. */
export function createUwcActivities({ jobs, client, enabled, ingest, log }: UwcActivityDeps) {
  const stateOf = ({ status, jobId }: Pick<OpenUwcJob, 'status' | 'jobId'>): UwcJobState => ({
    status,
    submitted: jobId !== null,
  })

  async function send({ id, tenantId }: JobId): Promise<UwcJobState> {
    const job = await known({ id, tenantId })
    // Its webhook came before, or an earlier try was taken and nobody learned of it.
    if (isOver(job.status) || job.jobId !== null) return stateOf(job)
    if (!enabled(job.kind)) throw switchedOff(job.kind)
    const taken = await client.submit(job.kind, {
      companyId: tenantId,
      requestId: job.requestId,
      payload: job.request ?? {},
      again: activityInfo().attempt > 1,
      signal: cancellationSignal(),
    })
    return stateOf(await jobs.submitted(tenantId, id, taken))
  }

  async function known({ id, tenantId }: JobId): Promise<OpenUwcJob> {
    const job = await jobs.open(tenantId, id)
    if (!job) throw ApplicationFailure.nonRetryable('the job has no row', 'job_unknown')
    return job
  }

  /** What the partner says of it; that it is away is no news. */
  async function ask({ kind, jobId, requestId }: OpenUwcJob, tenantId: string): Promise<'told' | 'lost' | 'silent'> {
    if (jobId === null || !enabled(kind)) return 'silent'
    try {
      const asked = { kind, companyId: tenantId, jobId, requestId }
      await ingest(asked, await client.job(jobId, { ...asked, signal: cancellationSignal() }))
      return 'told'
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error
      if (error.code === 'provider_not_found') return 'lost'
      log.warn({ err: error, job_id: jobId }, 'the partner could not be asked for a job')
      return 'silent'
    }
  }

  return {
    /** Sends the job unless that has been done; the partner knows a repeat by its request_id. */
    async submitUwcJob(job: JobId): Promise<UwcJobState> {
      try {
        return await withHeartbeat(() => send(job))
      } catch (error) {
        throw submissionFailure(error)
      }
    },

    /** How the job stands by its row and, when `ask` is set and the row does not say the end, by the partner. */
    async checkUwcJob({ ask: mayAsk, ...job }: JobId & { ask: boolean }): Promise<UwcJobState> {
      try {
        const before = await known(job)
        if (!mayAsk || isOver(before.status)) return stateOf(before)
        const answer = await ask(before, job.tenantId)
        if (answer === 'silent') return stateOf(before)
        if (answer === 'lost') await jobs.forget(job.tenantId, job.id, before.jobId ?? '')
        return stateOf(await known(job))
      } catch (error) {
        throw toFailure(error)
      }
    },

    /** Ends a job that the partner has not ended; one that is over stays as it is. */
    async endUwcJob({
      id,
      tenantId,
      ...why
    }: JobId & { error: string; detail?: string | undefined }): Promise<UwcJobState> {
      try {
        const ended = await jobs.end(tenantId, id, why)
        if (!ended) throw ApplicationFailure.nonRetryable('the job has no row', 'job_unknown')
        return stateOf(ended)
      } catch (error) {
        throw toFailure(error)
      }
    },
  }
}

export type UwcActivities = ReturnType<typeof createUwcActivities>

const switchedOff = (kind: PartnerJobKind) =>
  ApplicationFailure.nonRetryable(`jobs of the kind ${kind} were switched off meanwhile`, 'feature_disabled')

/** Only what the partner refuses for good ends the job. */
function submissionFailure(error: unknown): unknown {
  if (!(error instanceof ProviderError && mendable.has(error.code))) return toFailure(error)
  return ApplicationFailure.create({
    type: error.code,
    message: error.message,
    nonRetryable: false,
    category: ApplicationFailureCategory.BENIGN,
    ...(error.retryAfterSeconds ? { nextRetryDelay: error.retryAfterSeconds * 1000 } : {}),
  })
}
