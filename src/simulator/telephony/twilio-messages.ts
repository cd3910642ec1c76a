import Router from '@koa/router'
import type { Context } from 'koa'
import { hexId } from '../webhooks/ids.js'
import { rfc2822, twilioScript, twilioSchema } from '../webhooks/twilio.js'
import { contextOf, lifeMs, tell, type TelephonyDeps } from './deps.js'
import type { SentMessage } from './truth.js'

type WithParams = Context & { params: Record<string, string> }

/** Twilio's own numbers for tests of errors (twilio.com/docs/iam/test-credentials). */
const refusals: Readonly<Record<string, [code: number, message: string]>> = {
  '+15005550001': [21211, 'The To number is not a valid phone number'],
  '+15005550002': [21612, 'The message cannot be routed to this number'],
  '+15005550003': [21408, 'Permission to send an SMS has not been enabled for the region'],
  '+15005550004': [21610, 'Attempt to send to unsubscribed recipient'],
  '+15005550009': [21614, 'The To number is not a mobile number'],
}

/** Creating, reading and listing messages (twilio.com/docs/messaging/api/message-resource). */
export function twilioMessageRoutes(deps: TelephonyDeps): Router {
  const { accounts, people, faulty } = deps
  const account = accounts.script.twilioAccountSid
  const known = new Set(
    accounts.secrets.twilio.map((token) => `Basic ${Buffer.from(`${account}:${token}`).toString('base64')}`),
  )
  const router = new Router({ prefix: '/2010-04-01/Accounts/:account' })

  const mayAsk = (ctx: WithParams): boolean => {
    if (!known.has(ctx.get('authorization'))) return refuse(ctx, 401, 20003, 'Authenticate')
    if (ctx.params.account === account) return true
    return refuse(ctx, 404, 20404, `The requested resource ${ctx.path} was not found`)
  }

  router.post('/Messages.json', faulty('sms_create'), (ctx: WithParams) => {
    if (!mayAsk(ctx)) return
    const form = (ctx.request.body ?? {}) as Record<string, string>
    const { To: to = '', From: from = '', Body: body = '', StatusCallback: callback } = form
    const refusal = refusals[to] ?? problemOf({ to, from, body })
    if (refusal) return void refuse(ctx, 400, ...refusal)
    const { sms: result } = people.habitOf(to)
    const statusCallback = callback ?? null
    const at = Date.now()
    const message: SentMessage = { kind: 'message', sid: hexId('SM'), to, from, body, statusCallback, at, result }
    people.add(message)
    const life = twilioSchema.parse({ life: 'sms_out', message_sid: message.sid, from, to, result, span_ms: lifeMs })
    tell(deps, 'twilio', twilioScript(life, contextOf(deps)), statusCallback)
    ctx.status = 201
    ctx.body = present(message, account)
  })

  router.get('/Messages.json', faulty('sms_read'), (ctx: WithParams) => {
    if (!mayAsk(ctx)) return
    const { To, From, PageSize = '50', Page = '0' } = ctx.query as Record<string, string | undefined>
    const all = people
      .messages()
      .filter(({ to, from }) => (To ?? to) === to && (From ?? from) === from)
      .sort((a, b) => b.at - a.at)
    const [size, page] = [Number(PageSize), Number(Page)]
    const shown = all.slice(page * size, (page + 1) * size)
    const next = new URLSearchParams({ ...(ctx.query as Record<string, string>), Page: String(page + 1) })
    ctx.body = {
      messages: shown.map((message) => present(message, account)),
      page,
      page_size: size,
      next_page_uri: all.length > (page + 1) * size ? `${ctx.path}?${next.toString()}` : null,
    }
  })

  router.get('/Messages/:sid.json', faulty('sms_read'), (ctx: WithParams) => {
    if (!mayAsk(ctx)) return
    const message = people.message(ctx.params.sid ?? '')
    if (message) ctx.body = present(message, account)
    else refuse(ctx, 404, 20404, `The requested resource ${ctx.path} was not found`)
  })
  return router
}

function problemOf({ to, from, body }: { to: string; from: string; body: string }): [number, string] | undefined {
  if (!/^\+[1-9]\d{7,14}$/.test(to)) return [21211, `The 'To' number ${to} is not a valid phone number.`]
  if (from === '') return [21603, "A 'From' phone number is required."]
  if (body === '') return [21602, 'Message body is required.']
  return body.length > 1600 ? [21617, 'The concatenated message body exceeds the 1600 character limit.'] : undefined
}

function refuse(ctx: Context, status: number, code: number, message: string): false {
  ctx.status = status
  ctx.body = { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status }
  return false
}

/** Queued, then sent, then what becomes of it. */
function statusOf({ at, result }: SentMessage): string {
  const age = Date.now() - at
  return age < lifeMs / 4 ? 'queued' : age < lifeMs ? 'sent' : result
}

function present(message: SentMessage, account: string) {
  const status = statusOf(message)
  const lost = status === 'failed' || status === 'undelivered'
  return {
    sid: message.sid,
    account_sid: account,
    messaging_service_sid: null,
    to: message.to,
    from: message.from,
    body: message.body,
    status,
    direction: 'outbound-api',
    num_segments: '1',
    num_media: '0',
    error_code: lost ? 30003 : null,
    error_message: null,
    price: null,
    price_unit: 'USD',
    api_version: '2010-04-01',
    date_created: rfc2822(message.at),
    date_updated: rfc2822(Date.now()),
    date_sent: status === 'queued' ? null : rfc2822(message.at),
    uri: `/2010-04-01/Accounts/${account}/Messages/${message.sid}.json`,
    subresource_uris: { media: `/2010-04-01/Accounts/${account}/Messages/${message.sid}/Media.json` },
  }
}
