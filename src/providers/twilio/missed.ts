import { ProviderError } from '../../domain/errors.js'
import { type Fields, fieldsOf } from '../json.js'
import type { Transport } from '../request.js'

export interface TwilioCallsConfig {
  baseUrl: string
  accountSid: string
  authToken: string
}

/** Statuses of a call that is over (twilio.com/docs/voice/api/call-resource). */
const over: ReadonlySet<unknown> = new Set(['completed', 'busy', 'failed', 'no-answer', 'canceled'])
const timeoutMs = 10_000

/**
 * Asks Twilio for open calls one by one, and gives the status callbacks of those that are over there. A call of another
 * account is unknown to ours and is left alone.
 * @throws ProviderError when Twilio does not answer
 */
export async function missedCallbacks(
  { baseUrl, accountSid, authToken }: TwilioCallsConfig,
  transport: Transport,
  callSids: readonly string[],
): Promise<Buffer[]> {
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`
  const callbacks: Buffer[] = []
  for (const callSid of callSids) {
    const path = `/2010-04-01/Accounts/${encodeURIComponent(accountSid)}/Calls/${encodeURIComponent(callSid)}.json`
    const { status, body } = await transport.send('getCall', {
      method: 'GET',
      url: baseUrl + path,
      headers: { authorization },
      timeoutMs,
    })
    if (status === 404) continue
    if (status !== 200)
      throw new ProviderError('provider_failed', `twilio answered getCall with ${status}`, 'twilio', status)
    const call = readCall(body)
    if (over.has(call.status)) callbacks.push(callbackOf(call, { callSid, accountSid }))
  }
  return callbacks
}

function readCall(body: string): Fields {
  try {
    return fieldsOf(JSON.parse(body))
  } catch {
    return {}
  }
}

/** The resource has the callback's fields under other names. */
function callbackOf(call: Fields, ids: { callSid: string; accountSid: string }): Buffer {
  const form = new URLSearchParams({ CallSid: ids.callSid, AccountSid: ids.accountSid, CallbackSource: 'reconcile' })
  const fields = {
    CallStatus: call.status,
    CallDuration: call.duration,
    Direction: call.direction,
    From: call.from,
    To: call.to,
    ParentCallSid: call.parent_call_sid,
    Timestamp: call.end_time,
  }
  for (const [name, value] of Object.entries(fields)) if (typeof value === 'string') form.set(name, value)
  return Buffer.from(form.toString())
}
