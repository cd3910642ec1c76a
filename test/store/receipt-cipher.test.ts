import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ConfigError, loadConfig } from '../../src/config.js'
import { createReceiptCipher } from '../../src/store/receipt-cipher.js'

const aKey = (id: string) => ({ id, key: randomBytes(32).toString('base64') })
const [one, two] = [aKey('k1'), aKey('k2')]
const plain = createReceiptCipher([])
const cipher = createReceiptCipher([one])
const payload = Buffer.from('{"name":"Rosa"}')
const key = 'twilio/call/CA1'

describe('a sealed payload @unit', () => {
  it('comes back as it was, whatever it was, with keys and without', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string({ minLength: 1 }), (bytes, deliveryKey) => {
        const buffer = Buffer.from(bytes)
        for (const each of [plain, cipher])
          expect(each.open(each.seal(buffer, deliveryKey), deliveryKey)).toEqual(buffer)
      }),
    )
  })

  it('comes back even when it looks like a sealed one', () => {
    for (const nasty of [cipher.seal(payload, key), Buffer.from('\0PRLY'), Buffer.from('\0PRLY\0x')])
      for (const each of [plain, cipher]) {
        expect(each.open(each.seal(nasty, key), key)).toEqual(nasty)
        // Stored plain at first, and read after keys were set.
        expect(cipher.open(plain.seal(nasty, key), key)).toEqual(nasty)
      }
  })

  it('holds nothing of the plain one, and is another each time', () => {
    const [a, b] = [cipher.seal(payload, key), cipher.seal(payload, key)]
    expect(a.includes('Rosa')).toBe(false)
    expect(a.includes('k1')).toBe(true)
    expect(a.equals(b)).toBe(false)
    expect(plain.seal(payload, key)).toEqual(payload)
  })

  it('is opened by any of the keys, and by none other', () => {
    const sealed = cipher.seal(payload, key)
    const rotated = createReceiptCipher([two, one])
    expect(rotated.open(sealed, key)).toEqual(payload)
    expect(rotated.seal(payload, key).includes('k2')).toBe(true)
    const unknown = expect.objectContaining({
      code: 'encryption_key_unknown',
      message: expect.stringContaining('"k1"'),
    })
    expect(() => createReceiptCipher([two]).open(sealed, key)).toThrow(unknown)
    expect(() => plain.open(sealed, key)).toThrow(unknown)
    expect(() => createReceiptCipher([{ ...two, id: 'k1' }]).open(sealed, key)).toThrow(
      expect.objectContaining({ code: 'payload_unreadable' }),
    )
  })

  it('belongs to its delivery, and is refused when a bit of it is another', () => {
    const sealed = cipher.seal(payload, key)
    expect(() => cipher.open(sealed, 'twilio/call/CA2')).toThrow(
      expect.objectContaining({ code: 'payload_unreadable' }),
    )
    // After magic and version: a row of version 0 is a plain one, as a row without an envelope is.
    for (let index = 6; index < sealed.length; index++) {
      const altered = Buffer.from(sealed)
      altered[index] = (altered[index] ?? 0) ^ 1
      expect(() => cipher.open(altered, key), `byte ${index}`).toThrow()
    }
    for (let length = 5; length < sealed.length; length++)
      expect(() => cipher.open(sealed.subarray(0, length), key), `${length} bytes`).toThrow()
  })
})

describe('ENCRYPTION_KEYS @unit', () => {
  const load = (value?: string) => loadConfig({ NODE_ENV: 'test', ENCRYPTION_KEYS: value }).webhooks.encryptionKeys
  const problem = (value: string) => {
    try {
      return load(value)
    } catch (error) {
      return (error as ConfigError).problems
    }
  }

  it('is a list of keys, none by default', () => {
    expect(load()).toEqual([])
    expect(load(`k1:${one.key}, k2:${two.key}`)).toEqual([one, two])
  })

  it.each([
    [`k1:${one.key},k2:abc`, 'must be id:base64 of 32 bytes, each id once; entry 2 is not'],
    [randomBytes(32).toString('base64'), 'must be id:base64 of 32 bytes, each id once; entry 1 is not'],
    [`k1:${randomBytes(16).toString('base64')}`, 'must be id:base64 of 32 bytes, each id once; entry 1 is not'],
    [`k 1:${one.key}`, 'must be id:base64 of 32 bytes, each id once; entry 1 is not'],
    [
      `k1:${one.key},k1:${two.key}`,
      'must be id:base64 of 32 bytes, each id once; entry 2 has the id of an earlier one',
    ],
  ])('names the entry that is wrong, and never says what it holds', (value, message) => {
    expect(problem(value)).toEqual([{ variable: 'ENCRYPTION_KEYS', message }])
  })

  it('is not shown', () => {
    expect(loadConfig({ ENCRYPTION_KEYS: `k1:${one.key}` }).effective.ENCRYPTION_KEYS).toBe('SET')
  })
})
