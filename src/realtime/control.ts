import { z } from 'zod'
import { type Channel, parseChannel } from '../domain/channel.js'
import { UnavailableError } from '../domain/errors.js'
import { RealtimeError, type RealtimeErrorCode } from './errors.js'
import type { Subscriber } from './subscriber.js'

/** What a connection is answered; events are sent as they are. */
export type ControlAnswer =
  | { type: 'subscribed' | 'unsubscribed'; channel: string; last_id: string }
  | { type: 'error'; code: RealtimeErrorCode; message: string; channel?: string }

/** The id of an event: at most what a bigint holds. */
const eventId = z
  .union([z.string().regex(/^\d{1,18}$/), z.int().min(0)], 'must be the id of an event')
  .transform((value) => BigInt(value))
const channel = z.string('must be the name of a channel').max(300, 'must be the name of a channel')
const messageSchema = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('subscribe'), channel, since: eventId.optional() }),
    z.strictObject({ type: z.literal('unsubscribe'), channel }),
  ],
  'must be "subscribe" or "unsubscribe"',
)
type ControlMessage = z.output<typeof messageSchema>

/** @returns undefined for what is no id of an event */
export const parseEventId = (value: string): bigint | undefined => eventId.safeParse(value).data

/** @throws RealtimeError */
export function channelOf(name: string): Channel {
  const parsed = parseChannel(name)
  if (!parsed) throw new RealtimeError('invalid_channel')
  return parsed
}

/** Follows one message of a connection; never throws. */
export async function follow(
  subscriber: Pick<Subscriber, 'subscribe' | 'unsubscribe'>,
  text: string,
  onUnexpected: (error: unknown) => void,
): Promise<ControlAnswer> {
  let name: string | undefined
  try {
    const message = parse(text)
    name = message.channel
    const wanted = channelOf(name)
    name = wanted.name
    const lastId =
      message.type === 'subscribe'
        ? await subscriber.subscribe(wanted, message.since)
        : await subscriber.unsubscribe(wanted)
    return { type: `${message.type}d`, channel: name, last_id: String(lastId) }
  } catch (error) {
    return errorAnswer(asRealtimeError(error, onUnexpected), name)
  }
}

export const errorAnswer = ({ code, message }: RealtimeError, name?: string): ControlAnswer => ({
  type: 'error',
  code,
  message,
  ...(name === undefined ? {} : { channel: name.slice(0, 300) }),
})

/** What was not foreseen is told as unavailable, and logged. */
export function asRealtimeError(error: unknown, onUnexpected: (error: unknown) => void): RealtimeError {
  if (error instanceof RealtimeError) return error
  if (!(error instanceof UnavailableError)) onUnexpected(error)
  return new RealtimeError('unavailable')
}

/** @throws RealtimeError naming the field */
function parse(text: string): ControlMessage {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new RealtimeError('malformed_message')
  }
  const parsed = messageSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new RealtimeError('invalid_message', issue ? `${fieldOf(issue)}: ${detailOf(issue)}` : undefined)
}

const fieldOf = (issue: z.core.$ZodIssue): string =>
  issue.code === 'unrecognized_keys'
    ? String(issue.keys[0]).slice(0, 100)
    : issue.path.map(String).join('.') || 'the message'

const detailOf = (issue: z.core.$ZodIssue): string =>
  issue.code === 'unrecognized_keys' ? 'unknown field' : issue.path.length === 0 ? 'must be an object' : issue.message
