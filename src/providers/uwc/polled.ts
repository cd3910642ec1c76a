import type { Delivery, PartnerJobKind } from '../../domain/webhook.js'
import type { Fields } from '../json.js'
import { partnerEffect } from './events.js'

/** A job that the partner was asked for. */
export interface AskedJob {
  kind: PartnerJobKind
  companyId: string
  jobId: string
  requestId: string
}

/**
 * What the partner says of a job, as the webhook that it would have been; undefined while the job is not over. Its own
 * event, since a webhook that comes too may say less: only the job's row tells what is new.
 */
export function polledDelivery({ kind, companyId, jobId, requestId }: AskedJob, answer: Fields): Delivery | undefined {
  // Whose job it is, we know: no answer may write into another company's.
  const body = { ...answer, company_id: companyId, job_id: jobId, request_id: requestId }
  const { status } = partnerEffect(kind, body)
  if (status !== 'completed' && status !== 'failed') return undefined
  const eventId = `${kind}/poll_${jobId}/${status}`
  return {
    provider: 'uwc',
    kind,
    externalId: jobId,
    deliveryKey: `uwc/${eventId}`,
    eventId,
    account: companyId,
    payload: Buffer.from(JSON.stringify(body)),
    headers: {},
  }
}
