import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { WebhookReceiver } from 'livekit-server-sdk'
import { Webhook } from 'standardwebhooks'
import twilio from 'twilio'
import { describe, expect, it } from 'vitest'
import {
  signBland,
  signCallrail,
  signElevenlabs,
  signLivekit,
  signStandard,
  signTwilio,
  signUwcLegacy,
  twilioSignedUrl,
  wrongKey,
} from '../../src/simulator/webhooks/sign.js'

interface Vector {
  id: string
  name: string
  kind?: string
  secret: string
  url: string
  signedUrl?: string
  rawBody: string
  raw_body: string
  headers: Record<string, string>
  timestamp: number
  expect: 'valid' | 'invalid'
}

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/vectors/${name}.json`, import.meta.url), 'utf8')) as {
    secret: string
    api_key: string
    api_secret: string
    vectors: Vector[]
  }
const valid = (name: string, wanted: (vector: Vector) => boolean = () => true) =>
  read(name).vectors.filter((vector) => vector.expect === 'valid' && wanted(vector))
const header = ({ headers }: Vector, name: string) =>
  Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1] ?? ''

/** These are base64 with or without the prefix. */
const prefixed = (secret: string) => (secret.startsWith('whsec_') ? secret : `whsec_${secret}`)

describe('@unit signatures as the providers make them', () => {
  it.each(valid('twilio', ({ kind }) => kind === 'form').map((one) => [one.id, one] as const))(
    'Twilio: %s',
    (_, one) => {
      expect(signTwilio(one.signedUrl ?? one.url, one.rawBody, one.secret)).toBe(header(one, 'x-twilio-signature'))
    },
  )

  it('sign the address that Twilio signs', () => {
    const voice = (url: string) => twilioSignedUrl(url, true)
    expect(voice('https://user:pw@h.example:8443/a?b=c%20d#rc=3')).toBe('https://h.example/a?b=c%20d')
    expect(voice('http://h.example:8080/a')).toBe('http://h.example:8080/a')
    expect(twilioSignedUrl('https://u:p@h.example:8443/a', false)).toBe('https://h.example:8443/a')
  })

  it.each(valid('callrail').map((one) => [one.id, one] as const))('CallRail: %s', (_, one) => {
    expect(signCallrail(one.rawBody, one.secret)).toBe(header(one, 'signature'))
  })

  it.each(valid('bland').map((one) => [one.id, one] as const))('Bland: %s', (_, one) => {
    expect(signBland(one.rawBody, one.secret)).toBe(header(one, 'x-webhook-signature'))
  })

  it.each(valid('clerk').map((one) => [one.id, one] as const))('Clerk: %s', (_, one) => {
    const [id, at] = [header(one, 'svix-id'), Number(header(one, 'svix-timestamp'))]
    const made = signStandard(one.rawBody, { secrets: [prefixed(one.secret)], id, at })
    expect(header(one, 'svix-signature').split(' ')).toContain(made)
  })

  const standard = valid('standard-webhooks', (one) => /^v1,/.test(header(one, 'webhook-signature')))
  it.each(standard.map((one) => [one.id, one] as const))('Standard Webhooks: %s', (_, one) => {
    const [id, at] = [header(one, 'webhook-id'), Number(header(one, 'webhook-timestamp'))]
    const made = signStandard(one.rawBody, { secrets: [prefixed(one.secret)], id, at })
    expect(header(one, 'webhook-signature').split(' ')).toContain(made)
  })

  const plainHeader = /^t=(\d+),v0=([0-9a-f]{64})$/
  const elevenlabs = valid('elevenlabs', (one) => plainHeader.test(header(one, 'elevenlabs-signature')))
  it.each(elevenlabs.map((one) => [one.name, one] as const))('ElevenLabs: %s', (_, one) => {
    const at = Number(plainHeader.exec(header(one, 'elevenlabs-signature'))?.[1])
    expect(signElevenlabs(one.raw_body, read('elevenlabs').secret, at)).toBe(header(one, 'elevenlabs-signature'))
  })

  const { api_key: key, api_secret: secret } = read('livekit')
  const claims = (token: string) =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
  // The server's own claims in the server's own order: others of the vectors come from other signers.
  const served = valid('livekit', (one) => one.name.startsWith('real_'))
  it.each(served.map((one) => [one.name, one] as const))('LiveKit, byte for byte: %s', (_, one) => {
    const token = header(one, 'authorization')
    expect(signLivekit(one.raw_body, { key, secret, at: Number(claims(token).iat) })).toBe(token)
  })

  it('are enough of each', () => {
    const counts = [served, elevenlabs, standard, valid('clerk'), valid('bland'), valid('callrail')].map(
      (all) => all.length,
    )
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(4)
  })

  it('pass the providers’ own libraries, and with a wrong key do not', async () => {
    const now = Math.floor(Date.now() / 1000)
    const body = '{"event":"room_started", "id":"EV_1"}'
    const receiver = new WebhookReceiver(key, secret)
    await expect(receiver.receive(body, signLivekit(body, { key, secret, at: now }))).resolves.toMatchObject({
      id: 'EV_1',
    })
    const forged = signLivekit(body, { key, secret: wrongKey(secret), at: now })
    await expect(receiver.receive(body, forged)).rejects.toThrow()
    const form = 'CallSid=CA1&CalledZip=&Body=a%20%26+b'
    const check = (token: string) =>
      twilio.validateRequest(
        't',
        signTwilio('http://h/x?y=1', form, token),
        'http://h/x?y=1',
        Object.fromEntries(new URLSearchParams(form)),
      )
    expect([check('t'), check(wrongKey('t'))]).toEqual([true, false])
    const whsec = `whsec_${Buffer.from('k'.repeat(32)).toString('base64')}`
    const verify = (used: string[]) => () =>
      new Webhook(whsec).verify(body, {
        'webhook-id': 'm',
        'webhook-timestamp': String(now),
        'webhook-signature': signStandard(body, { secrets: used, id: 'm', at: now }),
      })
    expect(verify([wrongKey(whsec), whsec])).not.toThrow()
    expect(verify([wrongKey(whsec)])).toThrow()
  })

  it('of the partner’s older form cover time and body', () => {
    // Computed with another implementation: hmac.new(b'secret', b'1.{}', sha256) of Python.
    const expected = '1122767b193110cfec322b6f199b599edbf608ed087f2d27afb0b97d99523908'
    expect(signUwcLegacy('{}', 'secret', 1)).toBe(`sha256=${expected}`)
  })

  it('name their body', () => {
    const token = signLivekit('é', { key, secret, at: 1 })
    expect(claims(token)).toEqual({
      iss: key,
      exp: 301,
      nbf: 1,
      iat: 1,
      sha256: createHash('sha256').update('é').digest('base64'),
    })
  })
})
