import { createHmac, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { SentAnswer } from './signed.js'

export const elevenLabsSecret = 'wsec_0123456789abcdef0123456789abcdef'

export interface SentBody {
  pieces: () => Iterable<Buffer>
  secret?: string
  /** Unix seconds of the signature. */
  at?: number
}

/** The header of a body that is made in pieces, each time the same. */
export function elevenLabsHeader({ pieces, secret = elevenLabsSecret, at = Math.floor(Date.now() / 1000) }: SentBody) {
  const sum = createHmac('sha256', secret).update(`${at}.`)
  for (const piece of pieces()) sum.update(piece)
  return { 'elevenlabs-signature': `t=${at},v0=${sum.digest('hex')}` }
}

/** Sends a body in chunks, without saying how long it is, as ElevenLabs sends audio. */
export async function sendChunked(
  url: string,
  pieces: Iterable<Buffer>,
  headers: Record<string, string>,
): Promise<SentAnswer> {
  const iterator = pieces[Symbol.iterator]()
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = iterator.next()
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
  })
  const response = await fetch(url, {
    method: 'POST',
    body,
    duplex: 'half',
    headers: { 'content-type': 'application/json', ...headers },
  })
  return { status: response.status, body: (await response.json().catch(() => ({}))) as Record<string, unknown> }
}

const block = randomBytes(48 * 1024)

/** Audio of so many blocks of 48 KiB, as it is and as the body that brings it. */
export function audioBody(conversationId: string, blocks: number) {
  const head = `{"type":"post_call_audio","event_timestamp":1767225598,"data":{"agent_id":"agent_1","conversation_id":"${conversationId}","full_audio":"`
  const encoded = Buffer.from(block.toString('base64'))
  return {
    audioBytes: blocks * block.length,
    audioBlock: block,
    *pieces(): Iterable<Buffer> {
      yield Buffer.from(head)
      for (let n = 0; n < blocks; n++) yield encoded
      yield Buffer.from('"}}')
    },
  }
}

/** Every file below a folder. */
export async function filesBelow(dir: string): Promise<string[]> {
  const found = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => [])
  return found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
}
