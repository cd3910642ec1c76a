import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { AccessToken } from 'livekit-server-sdk'
import { describe, expect, it } from 'vitest'
import { createLivekitWebhooks } from '../../src/providers/livekit/webhook.js'

interface Vector {
  name: string
  headers: Record<string, string>
  raw_body: string
  verify_at: number
  expect: 'valid' | 'invalid'
  why: string
  parsed?: { event: string; room?: string; identity?: string; disconnectReason?: string }
}

const { api_key, api_secret, vectors } = JSON.parse(
  readFileSync(new URL('../fixtures/vectors/livekit.json', import.meta.url), 'utf8'),
) as { api_key: string; api_secret: string; vectors: Vector[] }

const url = new URL('http://localhost/webhooks/livekit')
const at = (seconds: number) => () => seconds * 1000
const livekit = (
  options: { secrets?: string[]; apiKey?: string | undefined; acceptUnsigned?: boolean; now?: () => number } = {},
) =>
  createLivekitWebhooks(
    {
      apiKey: 'apiKey' in options ? options.apiKey : api_key,
      webhookSecrets: options.secrets ?? [api_secret],
      acceptUnsigned: options.acceptUnsigned ?? false,
    },
    options.now,
  )
const headersOf = ({ headers }: Vector) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
const vector = (name: string) => vectors.find((one) => one.name === name) as Vector

describe('the signature of LiveKit @unit', () => {
  it.each(vectors)('$name is $expect', async (one) => {
    const verified = await livekit({ now: at(one.verify_at) }).verify(Buffer.from(one.raw_body), headersOf(one), url)
    expect({ why: one.why, ok: verified.ok }).toEqual({ why: one.why, ok: one.expect === 'valid' })
  })

  it('is right by any of several secrets, never by an empty one, and not without the key', async () => {
    const one = vector('js_signer_valid')
    const ok = async (secrets: string[], apiKey: string | undefined = api_key) =>
      (
        await livekit({ secrets, apiKey, now: at(one.verify_at) }).verify(
          Buffer.from(one.raw_body),
          headersOf(one),
          url,
        )
      ).ok
    expect(await ok(['another', api_secret])).toBe(true)
    expect(await ok([api_secret, 'another'])).toBe(true)
    expect(await ok(['another'])).toBe(false)
    expect(await ok([''])).toBe(false)
    expect(await ok([api_secret], 'another')).toBe(false)
  })

  it('is not configured without key or secret, unless unsigned ones are taken', async () => {
    expect(livekit().configured).toBe(true)
    expect(livekit({ secrets: [] }).configured).toBe(false)
    expect(livekit({ apiKey: undefined }).configured).toBe(false)
    const open = livekit({ secrets: [], apiKey: undefined, acceptUnsigned: true })
    expect(open.configured).toBe(true)
    expect(await open.verify(Buffer.from('{}'), {}, url)).toEqual({ ok: true })
    const strict = livekit({ acceptUnsigned: true })
    expect(await strict.verify(Buffer.from('{}'), {}, url)).toEqual({ ok: false, reason: 'no_token' })
  })

  it('says why it is wrong', async () => {
    const one = vector('js_signer_valid')
    const reason = async (authorization: string | undefined, body = one.raw_body, now = one.verify_at) =>
      await livekit({ now: at(now) }).verify(Buffer.from(body), { authorization }, url)
    const token = one.headers.Authorization
    expect(await reason(token)).toEqual({ ok: true })
    expect(await reason(undefined)).toEqual({ ok: false, reason: 'no_token' })
    expect(await reason('nonsense')).toEqual({ ok: false, reason: 'wrong_algorithm' })
    expect(await reason(token, `${one.raw_body} `)).toEqual({ ok: false, reason: 'other_body' })
    expect(await reason(token, one.raw_body, one.verify_at + 86_400)).toEqual({ ok: false, reason: 'not_in_time' })
    expect(await reason(token, one.raw_body, one.verify_at - 86_400)).toEqual({ ok: false, reason: 'not_in_time' })
  })

  it('of the official signer, which has no notion of our clock, is right now', async () => {
    const body = '{"event":"room_started","id":"EV_now"}'
    const token = new AccessToken(api_key, api_secret, { ttl: 300 })
    token.sha256 = createHash('sha256').update(body).digest('base64')
    expect(await livekit().verify(Buffer.from(body), { authorization: await token.toJwt() }, url)).toEqual({ ok: true })
  })

  it('with times that are no numbers is wrong, although it is signed', async () => {
    const body = '{}'
    const sha256 = createHash('sha256').update(body).digest('base64')
    const sign = (claims: object) => {
      const text = [{ alg: 'HS256' }, { iss: api_key, sha256, ...claims }]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.')
      return `${text}.${createHmac('sha256', api_secret).update(text).digest('base64url')}`
    }
    const verify = async (claims: object) =>
      (await livekit({ now: at(1000) }).verify(Buffer.from(body), { authorization: sign(claims) }, url)).ok
    expect(await verify({ exp: 1100 })).toBe(true)
    expect(await verify({ exp: 1100, nbf: 1005 })).toBe(true)
    expect(await verify({ exp: '1100' })).toBe(false)
    expect(await verify({ exp: 1100, nbf: '900' })).toBe(false)
    expect(await verify({})).toBe(false)
  })
})

describe('a webhook of LiveKit @unit', () => {
  const parse = (body: string | object, headers = {}) => {
    const raw = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    return livekit({ now: at(1_795_256_090) }).parse(raw, headers, url, {})
  }

  it('is keyed by its own id and keeps the bytes, less the password of the relay', () => {
    const one = vector('real_participant_left_client_initiated')
    const delivery = parse(one.raw_body, headersOf(one))
    expect(delivery).toMatchObject({
      provider: 'livekit',
      kind: 'participant_left',
      externalId: 'EV_8TCkEVshCEVA',
      eventId: 'EV_8TCkEVshCEVA',
      deliveryKey: 'livekit/participant_left/EV_8TCkEVshCEVA',
      headers: { 'content-type': 'application/webhook+json' },
    })
    expect(Object.keys(delivery.headers)).not.toContain('authorization')
    const password = /"turnPassword":"([^"]+)"/.exec(one.raw_body)?.[1] ?? ''
    expect(password.length).toBeGreaterThan(10)
    expect(delivery.payload.toString()).toBe(one.raw_body.replace(password, ''))
    const other = vector('js_signer_valid')
    expect(parse(other.raw_body).payload.toString()).toBe(other.raw_body)
  })

  it.each([
    ['not json', 400, ['']],
    ['[]', 422, ['']],
    [{}, 422, ['/event', '/id']],
    [{ event: 'room_started', id: 7 }, 422, ['/id']],
    [{ event: 'room started', id: 'EV_1' }, 422, ['/event']],
    [{ event: 'room_started', id: 'EV\n1' }, 422, ['/id']],
  ])('that cannot be read is refused: %j', (body, status, pointers) => {
    try {
      parse(body)
      expect.unreachable()
    } catch (error) {
      const { status: was, errors } = error as { status: number; errors: { pointer: string }[] }
      expect([was, errors.map(({ pointer }) => pointer)]).toEqual([status, pointers])
    }
  })

  it('of every vector that is valid gives an effect on the call of its room', () => {
    for (const one of vectors.filter((each) => each.expect === 'valid')) {
      const delivery = parse(one.raw_body)
      const effect = livekit().effects(delivery)
      expect(effect).toMatchObject({ target: 'call', provider: 'livekit', livekit: { event: delivery.kind } })
      if (one.parsed?.room) expect(effect).toMatchObject({ externalId: one.parsed.room })
      if (one.parsed?.identity) expect(effect).toMatchObject({ livekit: { participantIdentity: one.parsed.identity } })
    }
  })
})
