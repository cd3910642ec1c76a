import type { Knex } from 'knex'
import { ProviderError } from '../domain/errors.js'
import { isOver, joinParts, type PartnerJobStatus, timedOut } from '../domain/partner-job.js'
import type { PartnerJobKind } from '../domain/webhook.js'
import type { Database } from './database.js'
import { appendEvents } from './event-log.js'
import { jobEvent } from './partner-events.js'
import { absorb, lockJobs } from './partner-jobs.js'
import { type JobRow, lockRows, order, partsOf, saveJob } from './partner-rows.js'
import { cleanText, isUuid } from './values.js'

/** A job of ours as the steps of its workflow need it. */
export interface OpenUwcJob {
  kind: PartnerJobKind
  status: PartnerJobStatus
  requestId: string
  /** The partner's; null until it has taken the job. */
  jobId: string | null
  request: Record<string, unknown> | null
}

/** A job of ours whose workflow is to be started. */
export interface UnstartedJob {
  id: string
  tenantId: string
  kind: PartnerJobKind
  requestId: string
}

const own = `id = ? and tenant_id = ? and origin <> 'partner'`

/** The jobs of ours, as their workflows and whoever starts those use them; what came of them is the webhooks' to write. */
export function createUwcJobStore(database: Pick<Database, 'withService'>) {
  const locked = async (trx: Knex.Transaction, tenantId: string, id: string): Promise<JobRow | undefined> =>
    (await lockRows(trx, own, [id, tenantId]))[0]

  const open = async (tenantId: string, id: string): Promise<OpenUwcJob | undefined> =>
    database.withService(tenantId, async (trx) => {
      const { rows } = await trx.raw<{ rows: OpenUwcJob[] }>(
        `select kind, status, request_id as "requestId", job_id as "jobId", request from uwc_jobs where ${own}`,
        [id, tenantId],
      )
      return rows[0]
    })

  return {
    open,

    /**
     * The partner has taken the job under an id of its own. What a webhook said of that id before is the job's.
     * @throws ProviderError when the id is another request's
     */
    async submitted(tenantId: string, id: string, { jobId }: { jobId: string }): Promise<JobRow> {
      const known = await open(tenantId, id)
      if (!known) throw new Error('the job has no row')
      return await database.withService(tenantId, async (trx) => {
        await lockJobs(trx, [{ tenantId, kind: known.kind, jobId }])
        const rows = await lockRows(trx, `tenant_id = ? and kind = ? and (id = ? or job_id = ?)`, [
          tenantId,
          known.kind,
          id,
          jobId,
        ])
        const row = rows.find((one) => one.id === id)
        const other = rows.find((one) => one.id !== id)
        if (!row) throw new Error('the job has no row')
        if (other && other.origin !== 'partner')
          throw new ProviderError('provider_failed', 'uwc answered with the job of another request', 'uwc', 200)
        const joined = other ? await absorb(trx, row, other) : row
        const taken = { ...joined, jobId, parts: joinParts(partsOf(joined), {}, order) }
        const { status } = await saveJob(trx, taken)
        return { ...taken, status }
      })
    },

    /** The partner does not know the job any more: it is to be sent again. */
    forget: (tenantId: string, id: string, jobId: string): Promise<void> =>
      database.withService(tenantId, async (trx) => {
        await trx.raw(
          `update uwc_jobs set job_id = null, submitted_at = null, updated_at = now()
           where ${own} and job_id = ? and status in ('queued', 'running')`,
          [id, tenantId, jobId],
        )
      }),

    /** Ends a job without the partner's word, and says so in the log; one that is over stays as it is. */
    end: (
      tenantId: string,
      id: string,
      { error, detail }: { error: string; detail?: string | undefined },
    ): Promise<JobRow | undefined> =>
      database.withService(tenantId, async (trx) => {
        const row = await locked(trx, tenantId, id)
        if (!row || isOver(row.status)) return row
        const status = error === timedOut ? 'timed_out' : 'failed'
        await trx.raw(
          `update uwc_jobs set status = ?, error = ?, error_detail = ?, request = null, updated_at = now(),
             failed_at = coalesce(failed_at, now()) where id = ?`,
          [status, cleanText(error).slice(0, 100), detail === undefined ? null : cleanText(detail).slice(0, 1000), id],
        )
        await appendEvents(trx, [jobEvent('worker.task.failed', { ...row, userId: row.userId ?? undefined, error })])
        return { ...row, status }
      }),

    /**
     * Jobs that nobody has begun, oldest first, then those that are open although whoever began them must have ended them
     * long ago: their workflow is gone.
     */
    unstarted: (limit: number, staleSeconds: number): Promise<UnstartedJob[]> =>
      database.withService(undefined, async (trx) => {
        const { rows } = await trx.raw<{ rows: UnstartedJob[] }>(
          `select id, tenant_id as "tenantId", kind, request_id as "requestId" from uwc_jobs
           where origin <> 'partner' and status in ('queued', 'running')
             and (started_at is null or started_at < now() - make_interval(secs => ?))
           order by started_at nulls first, id limit ?`,
          [staleSeconds, limit],
        )
        return rows
      }),

    started: (ids: readonly string[]): Promise<void> =>
      database.withService(undefined, async (trx) => {
        const known = ids.filter(isUuid)
        await trx.raw('update uwc_jobs set started_at = now() where id = any(?::uuid[])', [known] as never[])
      }),
  }
}

export type UwcJobStore = ReturnType<typeof createUwcJobStore>
