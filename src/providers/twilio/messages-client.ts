import { ProviderError } from '../../domain/errors.js'
import { badAnswer } from '../failure.js'
import { type Fields, fieldsOf, fieldsOfText } from '../json.js'
import type { ProviderResponse, Transport } from '../request.js'

export interface TwilioMessagesConfig {
  accountSid: string | undefined
  authTokens: readonly string[]
  baseUrl: string
  /** Of one request, in milliseconds. */
  timeoutMs: number
}

/** A message as the API gives it (twilio.com/docs/messaging/api/message-resource). */
export type TwilioMessage = Fields & { sid: string }

const pageSize = 100
/** A person who got more messages since one attempt than these many pages hold was sent none of them by us. */
const mostPages = 5

/** The messages of one Twilio account; the account SID and its first token by basic authentication. */
export function createTwilioMessages(config: TwilioMessagesConfig, transport: Transport) {
  const [authToken] = config.authTokens
  const { accountSid, baseUrl, timeoutMs } = config

  async function call(
    operation: string,
    path: string,
    more: { form?: Record<string, string>; signal?: AbortSignal | undefined },
  ): Promise<ProviderResponse> {
    if (accountSid === undefined || authToken === undefined)
      throw new ProviderError(
        'provider_not_configured',
        'TWILIO_ACCOUNT_SID or TWILIO_AUTH_TOKEN is not set',
        'twilio',
        undefined,
      )
    return await transport.send(operation, {
      method: more.form ? 'POST' : 'GET',
      url: baseUrl + path,
      headers: { authorization: `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}` },
      timeoutMs,
      ...more,
    })
  }

  const messages = `/2010-04-01/Accounts/${encodeURIComponent(accountSid ?? '')}/Messages`

  return {
    configured: accountSid !== undefined && authToken !== undefined,
    accountSid,
    /** Not idempotent: the answer is given as it came, for its status says what happened. */
    create: (form: Record<string, string>, signal?: AbortSignal) =>
      call('create_message', `${messages}.json`, { form, signal }),

    /** @throws ProviderError provider_not_found for an id that the account does not have */
    async get(sid: string, signal?: AbortSignal): Promise<TwilioMessage> {
      const response = await call('get_message', `${messages}/${encodeURIComponent(sid)}.json`, { signal })
      const message = response.status === 200 ? fieldsOfText(response.body) : undefined
      if (!isMessage(message)) throw badAnswer('twilio', 'get_message', response)
      return message
    },

    /**
     * Messages from one number to another, newest first, made at `since` (epoch milliseconds) or later. Not by DateSent:
     * one that still waits at Twilio has none.
     */
    async sentTo({ to, from, since }: { to: string; from: string; since: number }, signal?: AbortSignal) {
      const found: TwilioMessage[] = []
      let path: string | undefined =
        `${messages}.json?${new URLSearchParams({ To: to, From: from, PageSize: String(pageSize) }).toString()}`
      for (let page = 0; path !== undefined; page++) {
        if (page === mostPages) throw tooMany()
        const response: ProviderResponse = await call('list_messages', path, { signal })
        const body: Fields = response.status === 200 ? fieldsOfText(response.body) : {}
        if (!Array.isArray(body.messages)) throw badAnswer('twilio', 'list_messages', response)
        const all: TwilioMessage[] = body.messages.filter(isMessage)
        const recent = all.filter(({ date_created }) => !(madeAt(date_created) < since))
        found.push(...recent)
        path = recent.length < all.length ? undefined : nextOf(body.next_page_uri)
      }
      return found
    },
  }
}

export type TwilioMessages = ReturnType<typeof createTwilioMessages>

/** Epoch milliseconds of an RFC 2822 time; NaN when it is none. */
const madeAt = (value: unknown) => (typeof value === 'string' ? Date.parse(value) : Number.NaN)

const nextOf = (uri: unknown) => (typeof uri === 'string' && uri.startsWith('/') ? uri : undefined)

const isMessage = (value: unknown): value is TwilioMessage => typeof fieldsOf(value).sid === 'string'

const tooMany = () =>
  new ProviderError(
    'provider_failed',
    'twilio lists more messages to the number than can be looked through',
    'twilio',
    200,
  )
