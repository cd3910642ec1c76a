import { type Fields, fieldsOf } from '../json.js'
import { utcMicroseconds } from '../timestamp.js'

/** How a conversation stands (elevenlabs-js, GetConversationResponseModel); only what is over has its transcript. */
export interface AgentConversation {
  /** `waiting`: known, and nobody has connected; `closing`: hung up, its transcript is being made. */
  state: 'waiting' | 'running' | 'closing' | 'over'
  /** RFC 3339, UTC. */
  startedAt: string | undefined
  hasAudio: boolean
  /** As it came, which is what its webhook carries. */
  raw: Fields
}

const states: Readonly<Record<string, AgentConversation['state']>> = {
  initiated: 'waiting',
  'in-progress': 'running',
  processing: 'closing',
  done: 'over',
  failed: 'over',
}

/** A conversation as GET answers it; undefined for what is none. A status that we do not know is one of a running one. */
export function agentConversation(raw: Fields): AgentConversation | undefined {
  const { status, metadata, has_audio: hasAudio } = raw
  if (typeof status !== 'string') return undefined
  const { start_time_unix_secs: start } = fieldsOf(metadata)
  const state = Object.hasOwn(states, status) ? (states[status] ?? 'running') : 'running'
  const begun = state !== 'waiting' && typeof start === 'number' && start > 0
  return { state, startedAt: begun ? utcMicroseconds(start) : undefined, hasAudio: hasAudio === true, raw }
}
