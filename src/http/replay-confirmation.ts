import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ReplayFilter } from '../domain/delivery.js'
import { InvalidRequestError } from '../domain/errors.js'

/** What a dry run has counted, and for whom. */
export interface Counted {
  tenantId: string
  filter: ReplayFilter
  count: number
  /** RFC 3339 in microseconds. */
  countedAt: string
}

const lifeMs = 15 * 60_000

/** Signs what a dry run counted, so that what is confirmed is what was counted. */
export function createReplayConfirmation({ secret, now = Date.now }: { secret: string; now?: () => number }) {
  const key = createHmac('sha256', secret).update('parley:replay-confirmation').digest()
  const sign = (counted: Counted) => createHmac('sha256', key).update(canonical(counted)).digest()

  return {
    issue(counted: Counted): { confirmation: string; expiresAt: string } {
      const { count, countedAt } = counted
      const claims = Buffer.from(JSON.stringify({ count, countedAt })).toString('base64url')
      const expiresAt = new Date(Date.parse(countedAt) + lifeMs).toISOString()
      return { confirmation: `${claims}.${sign(counted).toString('base64url')}`, expiresAt }
    },
    /** @throws InvalidRequestError when it is of another company or filter, too old, or not ours */
    read(confirmation: string, request: Pick<Counted, 'tenantId' | 'filter'>): Counted {
      const [claims = '', signature = ''] = confirmation.split('.')
      const counted = { ...request, ...parse(claims) }
      const [given, ours] = [Buffer.from(signature, 'base64url'), sign(counted)]
      if (given.length !== ours.length || !timingSafeEqual(given, ours))
        throw refused('is not that of a dry run with this filter')
      if (Date.parse(counted.countedAt) + lifeMs < now()) throw refused('is older than 15 minutes: count again')
      return counted
    },
  }
}

export type ReplayConfirmation = ReturnType<typeof createReplayConfirmation>

const canonical = ({ tenantId, filter, count, countedAt }: Counted) => {
  const { provider, status, externalId, from, to } = filter
  return JSON.stringify([tenantId, count, countedAt, provider, status, externalId, from, to])
}

function parse(claims: string): Pick<Counted, 'count' | 'countedAt'> {
  try {
    const { count, countedAt } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Partial<Counted>
    return { count: Number(count), countedAt: String(countedAt) }
  } catch {
    return { count: 0, countedAt: '' }
  }
}

const refused = (detail: string) =>
  new InvalidRequestError(`/confirmation: ${detail}`, [{ pointer: '/confirmation', detail }])
