import type { Conversation } from './conversation.js'

/** Prose of a perception model. */
export const analysis =
  'The user sat in a bright room, looked at the camera most of the time and smiled twice. No other person was visible.'

/** Daily's default key is `{domain}/{room}/{epoch_ms}`, without an extension (docs.daily.co recordings_template). */
export function recordingOf({ id, recording, joinedAt, endedAt }: Conversation): Record<string, unknown> {
  const bucket = recording?.bucket ?? ''
  const from = joinedAt ?? endedAt ?? 0
  const s3_key = `tavus/${id}/${Math.floor(from / 1000)}`
  const scheme = { s3: 's3', gcs: 'gs', azure_blob: 'azure' }[recording?.provider ?? 's3'] ?? 's3'
  return {
    bucket_name: bucket,
    s3_key,
    duration: Math.max(1, Math.round(((endedAt ?? from) - from) / 1e6)),
    storage_provider: recording?.provider ?? 's3',
    storage_uri: `${scheme}://${bucket}/${s3_key}`,
  }
}
