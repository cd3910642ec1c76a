import type { TranscriptEntry } from '../../domain/event.js'
import { fieldsOf } from '../json.js'
import { utcMicroseconds } from '../timestamp.js'

const roles: ReadonlySet<unknown> = new Set(['user', 'assistant', 'tool'])

/** Speech only: the first entry is usually the whole system prompt. */
export function transcriptOf(value: unknown): TranscriptEntry[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((entry) => entryOf(entry) ?? [])
}

function entryOf(value: unknown): TranscriptEntry | undefined {
  const entry = fieldsOf(value)
  const content = textOf(entry.content)
  if (!roles.has(entry.role) || content === undefined) return undefined
  const at = utcMicroseconds(entry.timestamp)
  return {
    role: entry.role as TranscriptEntry['role'],
    content,
    ...(at === undefined ? {} : { at }),
    ...secondsOf(entry, 'seconds_from_start'),
    ...secondsOf(entry, 'duration'),
  }
}

/** Plain text, or the text parts of a message in the OpenAI form. */
function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return undefined
  const texts = content.map((part) => fieldsOf(part).text).filter((text) => typeof text === 'string')
  return texts.length > 0 ? texts.join(' ') : undefined
}

function secondsOf(entry: Record<string, unknown>, field: 'seconds_from_start' | 'duration') {
  const value = entry[field]
  return typeof value === 'number' && Number.isFinite(value) ? { [field]: value } : {}
}
