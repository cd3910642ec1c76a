import { type Fields, fieldsOf } from '../json.js'

const speakers: ReadonlySet<unknown> = new Set(['user', 'assistant', 'tool'])

/**
 * An event without the prompt that stands before what was said (docs.tavus.io/sections/webhooks-and-callbacks): it holds
 * the conversation's context, and with it what only the user may read.
 */
export function withoutPrompt(event: Fields): Fields {
  const properties = fieldsOf(event.properties)
  const { transcript } = properties
  if (!Array.isArray(transcript)) return event
  const kept = transcript.map((entry) => {
    const fields = fieldsOf(entry)
    return 'content' in fields && !speakers.has(fields.role) ? { ...fields, content: 'REDACTED' } : (entry as unknown)
  })
  return { ...event, properties: { ...properties, transcript: kept } }
}
