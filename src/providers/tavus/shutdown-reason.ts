import type { ShutdownReason } from '../../domain/session.js'

/** As listed at docs.tavus.io/sections/webhooks-and-callbacks; both spellings of the page's own example occur. */
const known: Readonly<Record<string, ShutdownReason>> = {
  max_call_duration: 'max_call_duration',
  participant_left_timeout: 'participant_left_timeout',
  participant_absent_timeout: 'participant_absent_timeout',
  end_conversation_endpoint_hit: 'end_conversation_endpoint_hit',
  daily_room_has_been_deleted: 'room_deleted',
  bot_could_not_join_meeting_it_was_probably_ended: 'could_not_join',
  exception_encountered_during_conversation_startup: 'startup_exception',
}

/** Tavus' reason in the common vocabulary, whatever its case and with or without " reached". */
export function shutdownReason(raw: string): ShutdownReason {
  const text = raw
    .trim()
    .toLowerCase()
    .replace(/[\s_]+reached$/, '')
    .replace(/\s+/g, '_')
  if (text.startsWith('internal_error')) return 'internal_error'
  return Object.hasOwn(known, text) ? (known[text] ?? 'other') : 'other'
}
