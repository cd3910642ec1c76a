import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { ParleyError } from '../domain/errors.js'

/** One key of ENCRYPTION_KEYS. */
export interface EncryptionKey {
  /** At most 32 plain characters; it stands in each envelope. */
  id: string
  /** Base64 of 32 bytes. */
  key: string
}

// An envelope: magic, version, length of the key's id, the id, nonce, tag, ciphertext. Version 0 holds plain bytes that
// happen to begin like an envelope. Everything else is a plain row.
const magic = Buffer.from('\0PRLY')
const verbatim = 0
const aes256gcm = 1
const nonceBytes = 12
const tagBytes = 16

/**
 * Payloads at rest: AES-256-GCM under the first key, opened by whichever key its envelope names; plain without keys. The
 * delivery key is bound to it, so that no row's payload can be put into another row. One key is good for 2^32 payloads.
 */
export function createReceiptCipher(keys: readonly EncryptionKey[]) {
  const byId = new Map(keys.map(({ id, key }) => [id, Buffer.from(key, 'base64')]))
  const [first] = keys
  const firstKey = first && { id: first.id, key: byId.get(first.id) as Buffer }

  return {
    /** The payload as it is to be stored. */
    seal(payload: Buffer, deliveryKey: string): Buffer {
      if (firstKey) return encrypt(payload, firstKey, deliveryKey)
      return beginsLikeEnvelope(payload) ? Buffer.concat([magic, Buffer.of(verbatim), payload]) : payload
    },
    /**
     * The payload as it came.
     * @throws ParleyError encryption_key_unknown when its key is not among the keys, payload_unreadable when it was altered
     */
    open(stored: Buffer, deliveryKey: string): Buffer {
      if (!beginsLikeEnvelope(stored)) return stored
      const version = stored[magic.length]
      if (version === verbatim) return stored.subarray(magic.length + 1)
      if (version !== aes256gcm) throw unreadable(`an envelope of version ${version}`)
      return decrypt(stored, byId, deliveryKey)
    },
  }
}

export type ReceiptCipher = ReturnType<typeof createReceiptCipher>

const beginsLikeEnvelope = (bytes: Buffer) => bytes.subarray(0, magic.length).equals(magic)

/** Authenticated with the ciphertext: the envelope's head and the delivery it is of. */
const boundTo = (head: Buffer, deliveryKey: string) => Buffer.concat([head, Buffer.from(deliveryKey)])

function encrypt(payload: Buffer, { id, key }: { id: string; key: Buffer }, deliveryKey: string): Buffer {
  const name = Buffer.from(id)
  const head = Buffer.concat([magic, Buffer.of(aes256gcm, name.length), name])
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(boundTo(head, deliveryKey))
  const body = Buffer.concat([cipher.update(payload), cipher.final()])
  return Buffer.concat([head, nonce, cipher.getAuthTag(), body])
}

function decrypt(stored: Buffer, keys: ReadonlyMap<string, Buffer>, deliveryKey: string): Buffer {
  const headBytes = magic.length + 2 + (stored[magic.length + 1] ?? 0)
  const head = stored.subarray(0, headBytes)
  const key = keys.get(head.subarray(magic.length + 2).toString())
  if (!key) throw keyUnknown(head.subarray(magic.length + 2).toString())
  const nonce = stored.subarray(headBytes, headBytes + nonceBytes)
  const tag = stored.subarray(headBytes + nonceBytes, headBytes + nonceBytes + tagBytes)
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
    decipher.setAAD(boundTo(head, deliveryKey)).setAuthTag(tag)
    const body = stored.subarray(headBytes + nonceBytes + tagBytes)
    return Buffer.concat([decipher.update(body), decipher.final()])
  } catch (cause) {
    throw unreadable('it is not what was encrypted', cause)
  }
}

const failure = (code: string, detail: string, cause?: unknown) =>
  new ParleyError(code, 500, 'Internal Server Error', detail, { cause })

const keyUnknown = (id: string) =>
  failure('encryption_key_unknown', `the payload is encrypted with the key "${id}", which ENCRYPTION_KEYS has not`)

const unreadable = (why: string, cause?: unknown) =>
  failure('payload_unreadable', `the payload cannot be decrypted: ${why}`, cause)
