import { type Channel, channelForms, type ChannelKind, channelName } from '../domain/channel.js'
import { type EventName, eventNames, type LoggedEvent } from '../domain/event.js'
import { catalogue } from './catalogue.js'

/** What a reader is sent of an event. */
export interface Envelope {
  version: '1'
  /** Null for what is not in the log. */
  id: string | null
  event: string
  ts: string
  severity: string
  trace_id: string | null
  tenant_id: string
  user_id: string | null
  lead_id: string | null
  data: Record<string, unknown>
}

/** An event on its way to its readers, written once for all of them. */
export interface Message {
  id: bigint
  userId: string | null
  /** Names of the channels that it belongs to. */
  channels: readonly string[]
  /** The envelope as JSON in UTF-8. */
  json: Buffer
}

/** A longer message is only pointed to. */
export const maxMessageBytes = 32 * 1024

export function envelopeOf(row: LoggedEvent): Envelope {
  return {
    version: '1',
    id: row.id,
    event: row.event,
    ts: row.ts.toISOString(),
    severity: row.severity,
    trace_id: row.traceId,
    tenant_id: row.tenantId,
    user_id: row.userId,
    lead_id: row.leadId,
    data: row.data,
  }
}

/** The message of a row, or a pointer to where the whole event is read. */
export function messageOf(row: LoggedEvent): Message {
  const envelope = envelopeOf(row)
  const whole = Buffer.from(JSON.stringify(envelope))
  const json =
    whole.length <= maxMessageBytes
      ? whole
      : Buffer.from(JSON.stringify({ ...envelope, data: { ref: row.id, resource: `/events/${row.id}` } }))
  return { id: BigInt(row.id), userId: row.userId, channels: channelsOf(row), json }
}

/** A tenant's own channel has everything; the others what the catalogue says. */
export function channelsOf(row: LoggedEvent): string[] {
  const ids: Record<ChannelKind, string | null> = {
    tenant: row.tenantId,
    user: row.userId,
    lead: row.leadId,
    session: row.sessionId,
  }
  return (Object.keys(channelForms) as ChannelKind[]).flatMap((kind) => {
    const id = ids[kind]
    return id !== null && belongs(row.event, kind) ? [channelName(kind, lowerUuid(id))] : []
  })
}

/** As parseChannel reads it: who writes an id may spell it otherwise. */
const lowerUuid = (id: string) => (/^[0-9a-f-]{36}$/i.test(id) ? id.toLowerCase() : id)

/** A process of a newer version may write what this one does not know: that is the tenant's only. */
const belongs = (event: string, kind: ChannelKind) =>
  kind === 'tenant' || (Object.hasOwn(catalogue, event) && catalogue[event as EventName].channels.includes(kind))

/** Names of the events that a channel has. */
export const namesIn = ({ kind }: Channel): EventName[] => eventNames.filter((name) => belongs(name, kind))
