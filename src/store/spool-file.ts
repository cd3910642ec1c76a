import { createReadStream } from 'node:fs'
import type { Delivery } from '../domain/webhook.js'
import type { ReceiptCipher } from './receipt-cipher.js'

export interface SpooledDelivery {
  delivery: Delivery
  /** Its payload is as the table is to hold it, so that bringing it in needs no key. */
  sealed?: boolean
  /** RFC 3339. */
  receivedAt: string
}

/** What of a file was no delivery. */
export interface Damage {
  /** Whole lines that cannot be read: nobody knows what they were. */
  broken: number
  /** The last line, which a crash left unfinished and which was therefore never answered. */
  torn: number
}

/** No delivery comes near it: a longer line is not held. */
const maxLineBytes = 64 * 1024 * 1024
const lineEnd = 10

/** The deliveries of a file one by one, however large it is; what is none is counted in `damage`. */
export async function* readSpoolFile(path: string, damage: Damage): AsyncGenerator<SpooledDelivery> {
  let parts: Buffer[] = []
  let length = 0
  const add = (part: Buffer) => {
    length += part.length
    if (length <= maxLineBytes) parts.push(part)
    else parts = []
  }
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(lineEnd); end !== -1; end = chunk.indexOf(lineEnd, from)) {
      add(chunk.subarray(from, end))
      from = end + 1
      const spooled = length > maxLineBytes ? undefined : decode(Buffer.concat(parts).toString('utf8'))
      ;[parts, length] = [[], 0]
      if (spooled) yield spooled
      else damage.broken++
    }
    add(chunk.subarray(from))
  }
  if (length > 0) damage.torn++
}

/** One delivery as one line; its payload is as the table is to hold it. */
export function encode({ delivery, receivedAt }: SpooledDelivery, cipher: Pick<ReceiptCipher, 'seal'>): string {
  const { payload: plain, ...rest } = delivery
  const payload = cipher.seal(plain, delivery.deliveryKey).toString('base64')
  return `${JSON.stringify({ ...rest, payload, sealed: true, received_at: receivedAt })}\n`
}

function decode(line: string): SpooledDelivery | undefined {
  try {
    const {
      payload,
      received_at: receivedAt,
      // Absent in what an earlier version has spooled.
      sealed = false,
      ...rest
    } = JSON.parse(line) as Omit<Delivery, 'payload'> & {
      payload: string
      received_at: string
      sealed?: boolean
    }
    return { delivery: { ...rest, payload: Buffer.from(payload, 'base64') }, sealed, receivedAt }
  } catch {
    return undefined
  }
}
