import type { Channel } from '../domain/channel.js'
import type { Actor } from '../domain/identity.js'
import { RealtimeError } from './errors.js'

export interface AuthorizeDeps {
  /** Whether the policies show the actor what a channel is about. */
  shows: (actor: Actor, channel: Channel & { kind: 'user' | 'lead' | 'session' }) => Promise<boolean>
}

/** Refuses a channel that is not the actor's. What does not exist and what is another's are one answer. */
export const createAuthorize =
  ({ shows }: AuthorizeDeps) =>
  async (actor: Actor, channel: Channel): Promise<void> => {
    if (!(await mayRead(actor, channel))) throw new RealtimeError('channel_forbidden')

    async function mayRead({ role, tenantId, userId }: Actor, { kind, id, name }: Channel): Promise<boolean> {
      if (kind === 'tenant') return role === 'leadership' && id === tenantId
      if (kind === 'user' && id === userId) return true
      if (kind === 'user' && role !== 'leadership') return false
      return await shows(actor, { kind, id, name })
    }
  }
