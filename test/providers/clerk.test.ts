import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { roleOfClerk } from '../../src/domain/identity.js'
import { identityChange } from '../../src/providers/clerk/events.js'
import { createClerkWebhooks } from '../../src/providers/clerk/webhook.js'
import { lowerCased, readVectors, type SignedVector } from './vectors.js'

const { vectors } = readVectors<{ vectors: SignedVector[] }>('clerk')
const url = new URL('http://localhost/webhooks/clerk')
const vector = (id: string) => vectors.find((one) => one.id === id) as SignedVector

const providerOf = (secrets: string[], now: number, acceptUnsigned = false) =>
  createClerkWebhooks({ webhookSecrets: secrets, acceptUnsigned, now: () => now * 1000 })

function verify({ secret, headers, rawBody, now }: SignedVector, secrets = [secret ?? '']) {
  return providerOf(secrets, now).verify(Buffer.from(rawBody), lowerCased(headers), url)
}

describe('@unit a signature of Clerk', () => {
  it.each(vectors.map((one) => [one.id, one] as const))('%s', (_id, one) => {
    expect(verify(one)).toMatchObject({ ok: one.expect === 'valid' })
  })

  it('verifies with any of several secrets, and with none of others', () => {
    const one = vector('user-created')
    const other = 'whsec_' + Buffer.from('another-secret-of-24-bytes').toString('base64')
    expect(verify(one, [other, one.secret ?? ''])).toEqual({ ok: true })
    expect(verify(one, [other])).toEqual({ ok: false, reason: 'wrong_signature' })
  })

  it('fails when any byte of the body is another', () => {
    const one = vector('user-created')
    const body = Buffer.from(one.rawBody)
    for (const index of [0, 40, body.length - 1]) {
      const forged = Buffer.from(body)
      forged[index] = (forged[index] ?? 0) ^ 1
      expect(providerOf([one.secret ?? ''], one.now).verify(forged, lowerCased(one.headers), url)).toMatchObject({
        ok: false,
      })
    }
  })

  it('fails when its timestamp has more than digits', () => {
    const one = vector('user-created')
    const headers = { ...lowerCased(one.headers), 'svix-timestamp': `${one.now}junk` }
    expect(providerOf([one.secret ?? ''], one.now).verify(Buffer.from(one.rawBody), headers, url)).toEqual({
      ok: false,
      reason: 'wrong_time',
    })
  })

  it('is needed unless unsigned ones are accepted and no secret is there', () => {
    const one = vector('missing-svix-signature')
    const check = (secrets: string[], unsigned: boolean) => {
      const provider = providerOf(secrets, one.now, unsigned)
      return [provider.configured, provider.verify(Buffer.from(one.rawBody), {}, url)]
    }
    expect(check([], false)).toMatchObject([false, { ok: false }])
    expect(check([], true)).toEqual([true, { ok: true }])
    expect(check([one.secret ?? ''], true)).toMatchObject([true, { ok: false }])
    expect(check(['', 'whsec_', 'not base64!'], false)).toMatchObject([false, { ok: false }])
  })
})

describe('@unit a delivery of Clerk', () => {
  const parse = (body: unknown, headers: Record<string, string> = {}) =>
    providerOf([], 0, true).parse(Buffer.from(JSON.stringify(body)), headers, url, {})

  it('has the key of its event, not of the user', () => {
    const created = vector('user-created')
    const { rawBody } = created
    const delivery = providerOf([], 0).parse(Buffer.from(rawBody), lowerCased(created.headers), url, {})
    expect(delivery).toMatchObject({
      provider: 'clerk',
      kind: 'user.created',
      externalId: 'user_00000000000000000000000001',
      deliveryKey: `clerk/user.created/${created.headers['svix-id']}`,
    })
    expect(delivery.payload.toString()).toBe(rawBody)
    expect(Object.keys(delivery.headers).sort()).toEqual(['content-type', 'svix-id', 'svix-timestamp', 'user-agent'])
  })

  it('takes event_id first and the entity last', () => {
    const body = { type: 'user.updated', data: { id: 'user_1' } }
    expect(parse({ ...body, event_id: 'evt_1' }, { 'svix-id': 'msg_1' }).deliveryKey).toBe('clerk/user.updated/evt_1')
    expect(parse({ ...body, event_id: 7 }, { 'svix-id': 'msg_1' }).deliveryKey).toBe('clerk/user.updated/msg_1')
    expect(parse(body).deliveryKey).toBe('clerk/user.updated/user_1')
    expect(parse({ type: 'user.deleted', data: {} }, { 'svix-id': 'msg_1' }).externalId).toBe('msg_1')
  })

  it.each([
    ['{"half', 400, undefined],
    ['[]', 422, ['']],
    ['{"data":{"id":"user_1"}}', 422, ['/type']],
    ['{"type":"user.created","data":{"id":7}}', 422, ['/data/id']],
    ['{"type":"user\\u0000","data":{}}', 422, ['/type', '/data/id']],
  ])('is refused for %s', (body, status, pointers) => {
    const refusal = (() => {
      try {
        providerOf([], 0, true).parse(Buffer.from(body), {}, url, {})
      } catch (error) {
        return error as { status: number; errors: { pointer: string }[] }
      }
      throw new Error('it was taken')
    })()
    expect(refusal.status).toBe(status)
    if (pointers) expect(refusal.errors.map(({ pointer }) => pointer)).toEqual(pointers)
  })
})

describe('@unit what an event of Clerk changes', () => {
  const changeOf = (id: string) => {
    const { type, ...rest } = JSON.parse(vector(id).rawBody) as { type: string }
    return identityChange(type, { type, ...rest })
  }

  it('is a user with the primary email', () => {
    expect(changeOf('user-updated')).toEqual({
      entity: 'user',
      userId: 'user_00000000000000000000000001',
      email: 'ada@example.com',
      displayName: 'Adele Example',
      deleted: false,
      updatedAt: 1795253399900,
      sentAt: 1795253398200,
    })
    expect(changeOf('user-deleted')).toMatchObject({ entity: 'user', deleted: true, updatedAt: 1795253398200 })
  })

  it('is an organisation', () => {
    expect(changeOf('organization-created')).toMatchObject({
      entity: 'organization',
      organizationId: 'org_00000000000000000000000001',
      name: 'Example GmbH',
      deleted: false,
      updatedAt: 1795253399000,
    })
    expect(changeOf('organization-deleted')).toMatchObject({ deleted: true, name: undefined })
  })

  it('is a membership of organisation and user, and its end is never before its last change', () => {
    expect(changeOf('membership-created')).toEqual({
      entity: 'membership',
      organizationId: 'org_00000000000000000000000001',
      organizationName: 'Example GmbH',
      userId: 'user_00000000000000000000000001',
      email: 'ada@example.com',
      displayName: 'Ada Example',
      role: 'leadership',
      deleted: false,
      updatedAt: 1795253399500,
      sentAt: 1795253398200,
    })
    expect(changeOf('membership-deleted')).toMatchObject({ deleted: true, updatedAt: 1795253399500 })
  })

  it('is nothing for another type, but its organisation is known', () => {
    expect(changeOf('invitation-accepted')).toEqual({
      entity: 'other',
      organizationId: 'org_00000000000000000000000001',
    })
    expect(identityChange('session.created', { data: { id: 'sess_1' } })).toEqual({ entity: 'other' })
  })

  it('leaves out an email that Clerk says is not verified', () => {
    const data = (status: string) => ({
      id: 'user_1',
      primary_email_address_id: 'b',
      email_addresses: [
        { id: 'a', email_address: 'first@example.com', verification: { status: 'verified' } },
        { id: 'b', email_address: 'second@example.com', verification: { status } },
      ],
    })
    expect(identityChange('user.created', { data: data('verified') })).toMatchObject({ email: 'second@example.com' })
    expect(identityChange('user.created', { data: data('unverified') })).toMatchObject({ email: undefined })
  })

  it('has the least role for what is not known', () => {
    expect(['org:admin', 'org:leadership', 'org:csr', 'org:member', 'admin', undefined].map(roleOfClerk)).toEqual([
      'leadership',
      'leadership',
      'csr',
      'rep',
      'rep',
      'rep',
    ])
  })

  it('never throws, whatever is in it, and forwards no metadata', () => {
    const secretive = fc.record({
      type: fc.constantFrom('user.created', 'user.deleted', 'organization.updated', 'organizationMembership.created'),
      timestamp: fc.anything(),
      data: fc.oneof(
        fc.anything(),
        fc.record(
          {
            id: fc.oneof(fc.constant('x_1'), fc.anything()),
            updated_at: fc.anything(),
            email_addresses: fc.oneof(fc.array(fc.anything()), fc.anything()),
            organization: fc.oneof(fc.record({ id: fc.constant('org_1'), name: fc.anything() }), fc.anything()),
            public_user_data: fc.oneof(fc.record({ user_id: fc.constant('user_1') }), fc.anything()),
            role: fc.anything(),
            private_metadata: fc.constant({ secret: 'hidden-word' }),
          },
          { requiredKeys: [] },
        ),
      ),
    })
    fc.assert(
      fc.property(secretive, ({ type, ...event }) => {
        const change = identityChange(type, event)
        expect(JSON.stringify(change)).not.toContain('hidden-word')
        if (change.entity !== 'other') expect(Number.isSafeInteger(change.updatedAt)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
