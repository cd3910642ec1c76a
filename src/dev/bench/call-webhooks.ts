import { createHmac } from 'node:crypto'
import { Agent, request } from 'undici'

/** What signs the benchmark's webhooks, at Parley and at the floor. */
export const benchSecret = 'bench-callrail-signing-key-of-32'
/** The company at CallRail that the benchmark's webhooks name. */
export const benchCompany = 'COM0000000000000000000000000be7c4'

const agent = new Agent({ connections: 64, pipelining: 1 })

/** One webhook of a call that is over, as CallRail sends it, ready to be sent. */
export interface Webhook {
  body: string
  signature: string
}

/** The webhook of call `index` of a run; the same again is the same event. */
export function webhookOf(run: string, index: number): Webhook {
  const id = `CAL${createHmac('sha1', run).update(String(index)).digest('hex').slice(0, 32)}`
  const at = new Date(Date.UTC(2026, 10, 21, 9) + index).toISOString()
  const body = JSON.stringify({
    resource_id: id,
    company_resource_id: benchCompany,
    answered: true,
    call_type: 'answered',
    direction: 'inbound',
    duration: String(30 + (index % 300)),
    start_time: at,
    timestamp: at,
    tracking_phone_number: '+15005550007',
    customer_phone_number: `+1500555${String(1000 + (index % 9000))}`,
    customer_name: 'Bench Caller',
    source_name: 'Bench',
    note: 'x'.repeat(200),
  })
  return { body, signature: createHmac('sha1', benchSecret).update(body).digest('base64') }
}

/** Every tenth webhook of a run is one that was sent before. */
export const repeatsOneInTen = (index: number): number => (index % 10 === 9 ? Math.max(0, index - 5) : index)

/** @returns the status, and what Parley said of the event */
export async function send(url: string, { body, signature }: Webhook): Promise<{ status: number; said: string }> {
  const response = await request(url, {
    method: 'POST',
    dispatcher: agent,
    headers: { 'content-type': 'application/json', signature },
    body,
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
  })
  const text = await response.body.text()
  if (response.statusCode >= 300) throw new Error(`${response.statusCode}: ${text.slice(0, 200)}`)
  return { status: response.statusCode, said: String((JSON.parse(text) as { status?: string }).status) }
}
