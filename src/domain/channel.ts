/** What can be subscribed to, and how the second half of its name is spelled. */
export const channelForms = { tenant: 'events', user: 'tasks', lead: 'timeline', session: 'events' } as const
export type ChannelKind = keyof typeof channelForms

/** A stream of a tenant's events, such as `lead:{id}:timeline`. */
export interface Channel {
  kind: ChannelKind
  id: string
  name: string
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const spelling = /^(tenant|user|lead|session):([\w.@+=-]{1,200}):([a-z]+)$/

export const channelName = (kind: ChannelKind, id: string): string => `${kind}:${id}:${channelForms[kind]}`

/** The channel of a name; undefined for any other text, wildcards included. UUIDs count in lower case. */
export function parseChannel(text: string): Channel | undefined {
  const [, kind, given = '', form] = spelling.exec(text) ?? []
  if (!isKind(kind) || form !== channelForms[kind]) return undefined
  const isUuid = uuid.test(given)
  if (!isUuid && (kind === 'tenant' || kind === 'session')) return undefined
  const id = isUuid ? given.toLowerCase() : given
  return { kind, id, name: channelName(kind, id) }
}

const isKind = (kind: string | undefined): kind is ChannelKind =>
  kind !== undefined && Object.hasOwn(channelForms, kind)
