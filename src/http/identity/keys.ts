import { ParleyError, TooManyRequestsError } from '../../domain/errors.js'
import type { Caller, PresentedKey } from '../../domain/identity.js'
import type { BusinessEvents } from '../../observability/events.js'
import type { LimitStore, Rate } from '../app-services.js'
import { addressKey } from '../rate-limit.js'
import { type Identified, invalidKey } from './failure.js'

interface KeyReaderOptions {
  present: (secret: string) => Promise<PresentedKey | undefined>
  /** Wrong keys that one address may try. */
  rate: Rate
  store: LimitStore
  events: BusinessEvents
}

/** Addresses that are remembered as blocked. */
const maxBlocked = 10_000
const form = /^plk_[\w-]{43}$/

/**
 * Who an API key says that calls. Each request looks, so that a revoked key ends everywhere at once. An address that
 * tries too many wrong ones is not listened to for a while, with a right one neither.
 */
export function createKeyReader({ present, rate, store, events }: KeyReaderOptions) {
  const wrong = store.limiter({ ...rate, space: 'api-key-address' })
  const blockedUntil = new Map<string, number>()

  async function countWrong(address: string): Promise<void> {
    const { remaining, resetMs } = await wrong.take(address)
    const now = Date.now()
    if (blockedUntil.size >= maxBlocked)
      for (const [known, until] of blockedUntil) if (until <= now) blockedUntil.delete(known)
    if (remaining <= 0 && blockedUntil.size < maxBlocked) blockedUntil.set(address, now + resetMs)
  }

  return async (secret: string, address: string): Promise<Identified> => {
    const from = addressKey(address)
    const blockedMs = (blockedUntil.get(from) ?? 0) - Date.now()
    if (blockedMs > 0) {
      events.rateLimited({ limit: 'api-key-address', userId: undefined, tenantId: undefined })
      return tooManyTries(blockedMs)
    }
    try {
      const key = form.test(secret) ? await present(secret) : undefined
      if (key?.state === 'valid') return { caller: callerOf(key) }
      await countWrong(from)
      return invalidKey(`key: ${key?.state ?? 'unknown'}`)
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error
      return { failure: { reason: error.message, error, always: true } }
    }
  }
}

function tooManyTries(msBeforeNext: number): Identified {
  const error = new TooManyRequestsError('too many wrong API keys from this address', Math.ceil(msBeforeNext / 1000))
  return { failure: { reason: 'key: too many tries', error, always: true } }
}

/** The key itself is who acts: what it does is neither its maker's, nor over when they leave. */
const callerOf = ({ id, tenantId, role, name, scopes, expiresAt }: PresentedKey): Caller => ({
  userId: id,
  tenantId,
  role,
  key: { name, scopes },
  expiresAt,
})
