import { ProviderError } from '../../domain/errors.js'
import type { Dispatch, Errand, FollowUpReason, Lookup } from '../../domain/follow-up.js'
import { reachableBase } from '../callback-address.js'
import { textOf } from '../fields.js'
import { type FollowUpCarrier, unclearUnless } from '../follow-up-carrier.js'
import { fieldsOf, fieldsOfText } from '../json.js'
import { type ProviderResponse, retryAfterSeconds } from '../request.js'
import type { BlandCall, BlandClient } from './client.js'
import { outcomeOf } from './outcome.js'

export interface BlandFollowUpConfig {
  baseUrl: string
  publicUrl: string
}

const path = '/webhooks/bland'
/** Our clock may be this much behind Bland's. Milliseconds. */
const clockSkewMs = 120_000
/** Minutes; Bland's own default is 30 (docs.bland.ai/api-v1/post/calls). */
const maxMinutes = 15

/** Calls by Bland, which gives metadata back as it was sent: by it a call is known again. */
export function createBlandFollowUps(config: BlandFollowUpConfig, bland: BlandClient): FollowUpCarrier {
  const base = reachableBase(config.publicUrl, config.baseUrl)

  return {
    provider: 'bland',
    configured: () => bland.configured,

    async send(errand, signal): Promise<Dispatch> {
      const body = {
        phone_number: errand.to,
        task: errand.body,
        max_duration: maxMinutes,
        metadata: { tenant_id: errand.tenantId, follow_up_id: errand.id },
        ...(base === undefined ? {} : { webhook: `${base}${path}` }),
      }
      try {
        return dispatchOf(await bland.create(body, signal))
      } catch (error) {
        return unclearUnless(error)
      }
    },

    async find(errand, { since }, signal): Promise<Lookup> {
      for (const { call_id: id } of await bland.dispatchedTo(errand.to, since - clockSkewMs, signal)) {
        const call = await detailsOf(id, signal)
        // Not to be read yet: it may be ours.
        if (!call) return { state: 'ambiguous' }
        if (isOf(call, errand)) return { state: 'found', externalId: id }
      }
      return { state: 'absent' }
    },

    /** The call as the webhook after its end says it. */
    async report(_errand, externalId, signal) {
      const call = await bland.get(externalId, signal)
      return outcomeOf(call) === undefined ? undefined : { path, body: Buffer.from(JSON.stringify(call)) }
    },
  }

  async function detailsOf(id: string, signal: AbortSignal | undefined): Promise<BlandCall | undefined> {
    try {
      return await bland.get(id, signal)
    } catch (error) {
      if (error instanceof ProviderError && error.code === 'provider_not_found') return undefined
      throw error
    }
  }
}

const isOf = (call: BlandCall, { id }: Errand) => textOf(fieldsOf(call.metadata).follow_up_id) === id

function dispatchOf({ status, headers, body }: ProviderResponse): Dispatch {
  const fields = fieldsOfText(body)
  if (status >= 200 && status < 300) {
    const id = textOf(fields.call_id)
    if (id !== undefined) return { state: 'accepted', externalId: id }
    // "status" is success or error (docs.bland.ai/api-v1/post/calls-simple).
    return fields.status === 'error' ? { state: 'refused', reason: 'rejected' } : { state: 'unclear' }
  }
  const wait = retryAfterSeconds(headers['retry-after'])
  if (status === 429) return { state: 'not_accepted', retryAfterSeconds: wait }
  if (status >= 400 && status < 500 && status !== 408) return { state: 'refused', reason: reasonOf(status, body) }
  return { state: 'unclear', retryAfterSeconds: wait }
}

function reasonOf(status: number, body: string): FollowUpReason {
  if (status === 401 || status === 403) return 'provider_credentials'
  if (status === 402) return 'provider_out_of_credits'
  return /phone[_ ]?number/i.test(body) ? 'invalid_number' : 'rejected'
}
