import { NotFoundError } from '../domain/errors.js'
import type { PartnerJobStatus } from '../domain/partner-job.js'
import type { PartnerSubject } from '../domain/webhook.js'
import type { Database } from './database.js'
import { digestUuid } from './digest-uuid.js'
import { findSubjects } from './partner-subjects.js'
import { queueJobs } from './uwc-queue.js'
import { isUuid } from './values.js'

export interface DraftWanted {
  tenantId: string
  requestKey: string
  leadId?: string | undefined
  callId?: string | undefined
  channel: 'call' | 'sms'
}

/** Drafts that other workflows ask for, on behalf of a company and of nobody in it. */
export function createUwcDraftStore(database: Pick<Database, 'withService'>) {
  return {
    /**
     * The job of the draft, made by the first of several that ask under one key.
     * @throws NotFoundError when the company has no such lead or call
     */
    request: ({
      tenantId,
      requestKey,
      leadId,
      callId,
      channel,
    }: DraftWanted): Promise<{ id: string; requestId: string }> =>
      database.withService(tenantId, async (trx) => {
        const subject = subjectOf(leadId, callId)
        const [known] = isUuid(subject.id) ? await findSubjects(trx, [{ ...subject, tenantId }]) : []
        if (known !== subject.id.toLowerCase()) throw new NotFoundError(`no such ${subject.type}`)
        const requestId = digestUuid(['follow_up', tenantId, requestKey])
        const request = { [`${subject.type}_id`]: known, channel }
        const subjects = [{ type: subject.type, id: known }]
        await queueJobs(trx, [{ tenantId, kind: 'followup', origin: 'follow_up', requestId, subjects, request }])
        const { rows } = await trx.raw<{ rows: { id: string }[] }>(
          `select id from uwc_jobs where tenant_id = ? and kind = 'followup' and request_id = ? and origin <> 'partner'`,
          [tenantId, requestId],
        )
        return { id: rows[0]?.id ?? '', requestId }
      }),

    /** How far a draft is, and its text. */
    read: (
      tenantId: string,
      id: string,
    ): Promise<{ status: PartnerJobStatus; draft?: string | undefined; error: string | null }> =>
      database.withService(tenantId, async (trx) => {
        const { rows } = await trx.raw<{
          rows: { status: PartnerJobStatus; result: Record<string, unknown>; error: string | null }[]
        }>('select status, result, error from uwc_jobs where id = ? and tenant_id = ?', [id, tenantId])
        const [row] = rows
        if (!row) throw new NotFoundError('no such job')
        return { status: row.status, draft: draftOf(row.result), error: row.error }
      }),
  }
}

export type UwcDraftStore = ReturnType<typeof createUwcDraftStore>

function subjectOf(leadId: string | undefined, callId: string | undefined): PartnerSubject {
  if (callId !== undefined) return { type: 'call', id: callId }
  return { type: 'lead', id: leadId ?? '' }
}

/** The partner's text, wherever it stands. */
export function draftOf(result: Record<string, unknown>): string | undefined {
  const { draft, text, message } = result
  const inner = typeof draft === 'object' && draft !== null ? (draft as Record<string, unknown>) : {}
  const found = [draft, inner.text, inner.body, text, message].find((one) => typeof one === 'string')
  return found === undefined || found.trim() === '' ? undefined : found
}
