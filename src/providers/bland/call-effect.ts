import type { CallFact } from '../../domain/call.js'
import type { CallEffect } from '../../domain/webhook.js'
import { defined, flagOf, linkOf, listOf, textOf, wordOf } from '../fields.js'
import { type Fields, fieldsOf } from '../json.js'
import { momentOf, secondsAfter } from '../moment.js'
import { phoneNumberOf } from '../phone-number.js'
import type { StoredDelivery } from '../provider.js'
import { utcMicroseconds } from '../timestamp.js'
import { durationOf, outcomeOf } from './outcome.js'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** What an event of a call does. `metadata` is ours: Bland gives it back as it was sent. */
export function callEffect(
  stored: Pick<StoredDelivery, 'kind' | 'externalId' | 'receivedAt'>,
  fields: Fields,
): CallEffect {
  const metadata = fieldsOf(fields.metadata)
  const [companyId, callId] = [textOf(metadata.tenant_id), textOf(metadata.call_id)]
  const followUpId = textOf(metadata.follow_up_id)
  return {
    target: 'call',
    provider: 'bland',
    externalId: stored.externalId,
    // Without a company it belongs to the call's own, which then must be there.
    ...defined({
      followUpId: followUpId !== undefined && uuid.test(followUpId) ? followUpId.toLowerCase() : undefined,
      callId: callId !== undefined && uuid.test(callId) ? callId.toLowerCase() : undefined,
      tenant: companyId === undefined ? undefined : ({ by: 'company', companyId } as const),
    }),
    facts: stored.kind === 'live' ? [] : factsOf(stored.kind, fields, momentOf(stored.receivedAt)),
  }
}

function factsOf(kind: string, fields: Fields, receivedAt: string | undefined): CallFact[] {
  const over = endedAt(fields) ?? receivedAt
  const corrects = kind !== 'post-call'
  const at = corrects ? (receivedAt ?? over) : over
  return [details(fields, at), ...endOf(fields, over, corrects), ...recordingOf(fields)]
}

/** `end_at` is only when the call would have been cut off (docs.bland.ai/api-v1/get/calls-id). */
const endedAt = (fields: Fields) => secondsAfter(utcMicroseconds(fields.started_at), durationOf(fields))

/** What follows corrects what was said first. */
function endOf(fields: Fields, at: string | undefined, corrects: boolean): CallFact[] {
  const ended = outcomeOf(fields)
  if (!ended) return []
  const startedAt = utcMicroseconds(fields.started_at)
  const times = defined({ at, startedAt, durationSeconds: durationOf(fields) })
  return [{ type: 'end', ...ended, ...times, ...(corrects ? { rank: 1 } : {}) }]
}

function details(fields: Fields, at: string | undefined): CallFact {
  const inbound = flagOf(fields.inbound)
  const startedAt = utcMicroseconds(fields.started_at) ?? utcMicroseconds(fields.created_at)
  const direction = inbound === undefined ? undefined : inbound ? ('inbound' as const) : ('outbound' as const)
  const [from, to] = [phoneNumberOf(fields.from), phoneNumberOf(fields.to)]
  return {
    type: 'details',
    ...defined({ at, direction, from, to, startedAt }),
    metadata: defined({
      provider_status: wordOf(fields.status),
      queue_status: wordOf(fields.queue_status),
      answered_by: answeredBy(fields),
      ended_by: wordOf(fields.call_ended_by),
      error_message: textOf(fields.error_message),
      transferred_to: phoneNumberOf(fields.transferred_to),
      summary: textOf(fields.summary),
      disposition: textOf(fields.disposition_tag),
      batch_id: textOf(fields.batch_id),
      transcript: listOf(fields.transcripts),
      corrected_transcript: listOf(fields.corrected_transcript),
      citations: listOf(fields.citations),
    }),
  }
}

/** In one word for all providers; null means that nobody tried to tell. */
const answeredBy = (fields: Fields) => {
  const word = wordOf(fields.answered_by)
  return word === 'voicemail' ? 'machine' : word
}

function recordingOf(fields: Fields): CallFact[] {
  const url = linkOf(fields.recording_url)
  return url === undefined ? [] : [{ type: 'recording', url }]
}
