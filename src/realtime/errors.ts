/** Why a reader's message was not followed; each code is one of docs/events.md. */
export const realtimeErrors = {
  malformed_message: 'The message is not JSON',
  binary_not_supported: 'Messages are text',
  invalid_message: 'A field of the message is missing, unknown or of the wrong kind; `message` names it',
  invalid_channel: 'There is no channel of this form; wildcards are none',
  channel_forbidden: 'The channel is about what does not exist, or what the caller may not see',
  not_subscribed: 'The connection is not subscribed to the channel',
  too_many_channels: 'The connection has as many channels as it may',
  unknown_event: '`since` is beyond the newest event',
  rate_limited: 'Too many messages within a minute; the connection is closed with 4029',
  unavailable: 'The event log cannot be read now; try again',
} as const
export type RealtimeErrorCode = keyof typeof realtimeErrors

export class RealtimeError extends Error {
  override name = 'RealtimeError'
  constructor(
    readonly code: RealtimeErrorCode,
    message: string = realtimeErrors[code],
  ) {
    super(message)
  }
}

/** How Parley closes a WebSocket, beside the codes of the protocol itself. */
export const closeCodes = {
  shutdown: 1001,
  tokenExpired: 4001,
  noPong: 4008,
  rateLimited: 4029,
} as const
