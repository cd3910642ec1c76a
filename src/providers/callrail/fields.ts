import { flagOf, linkOf, listOf, secondsOf, textOf, wordOf } from '../fields.js'
import { type Fields, fieldsOf } from '../json.js'
import { utcMicroseconds } from '../timestamp.js'

/** The fields of the call, whether it stands alone or under `call`. */
export const callFields = (body: Fields): Fields => ({ ...body, ...fieldsOf(body.call) })

/** `COM…`, the older number of the company, and the tracking number (apidocs.callrail.com/#webhooks). */
export const companyAccounts = (fields: Fields): string[] =>
  [fields.company_resource_id, fields.company_id].flatMap((value) => textOf(value) ?? [])

/** A text message has text and two ends, and no call around it. */
export const isMessage = (body: Fields): boolean =>
  textOf(body.source_number) !== undefined && textOf(body.destination_number) !== undefined && 'content' in body

/** What of the whole call is kept beside its outcome. */
export const keptFields = (fields: Fields): Record<string, unknown> => ({
  source_name: textOf(fields.source_name),
  first_call: flagOf(fields.first_call),
  customer_name: textOf(fields.customer_name),
  tracker_id: textOf(fields.tracker_resource_id),
  person_id: textOf(fields.person_resource_id),
})

/** What is known only when the call is over; before that these fields are placeholders. */
export const keptAfterwards = (fields: Fields): Record<string, unknown> => ({
  provider_status: wordOf(fields.call_type),
  answered: flagOf(fields.answered),
  voicemail: flagOf(fields.voicemail),
  tags: listOf(fields.tags),
  note: textOf(fields.note),
  value: textOf(fields.value),
  lead_status: wordOf(fields.lead_status),
  spam: flagOf(fields.spam),
  score: textOf(fields.score),
  call_summary: textOf(fields.call_summary),
  transcription: typeof fields.transcription === 'string' && fields.transcription ? fields.transcription : undefined,
})

export const startOf = (fields: Fields): string | undefined =>
  utcMicroseconds(fields.start_time) ?? utcMicroseconds(fields.created_at)

/** Text in most bodies, a number in some; of a missed call it is how long it rang. */
export const durationOf = (fields: Fields): number | undefined => secondsOf(fields.duration)

export const recordingUrlOf = (fields: Fields): string | undefined =>
  [fields.recording, fields.recording_redirect, fields.recording_player].map(linkOf).find((url) => url !== undefined)
