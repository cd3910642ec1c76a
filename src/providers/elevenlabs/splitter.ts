import { InvalidRequestError } from '../../domain/errors.js'
import { createBase64Decoder } from './base64.js'

const [quote, backslash, colon, comma] = [0x22, 0x5c, 0x3a, 0x2c]
const opening = new Set([0x7b, 0x5b])
const closing = new Set([0x7d, 0x5d])
/** Longer texts are no key that we look for. */
const longestKey = 16

/** Where a walk through a JSON document stands; it checks nothing, whoever parses the envelope does. */
function createPlace() {
  let depth = 0
  let inData = false
  let text = ''
  let key: string | undefined
  return {
    open(byte: number) {
      depth++
      if (depth === 2) inData = byte === 0x7b && key === 'data'
      key = undefined
    },
    close() {
      depth--
      if (depth < 2) inData = false
      key = undefined
    },
    beginText: () => void (text = ''),
    character(byte: number) {
      if (text.length <= longestKey) text += String.fromCharCode(byte)
    },
    value: () => void (key = text),
    next: () => void (key = undefined),
    isAudio: () => depth === 2 && inData && key === 'full_audio',
  }
}

/**
 * Takes the audio out of a body that comes in pieces: the text at /data/full_audio is decoded, all the rest is the
 * envelope. Memory holds the envelope and one piece.
 */
export function createSplitter({
  envelopeLimitBytes,
  tooLarge,
}: {
  envelopeLimitBytes: number
  tooLarge: () => Error
}) {
  const place = createPlace()
  const decoder = createBase64Decoder()
  const before: Buffer[] = []
  const after: Buffer[] = []
  let envelopeBytes = 0
  let mode: 'structure' | 'text' | 'audio' = 'structure'
  let escaped = false
  let found = false

  function keep(piece: Buffer): void {
    envelopeBytes += piece.length
    if (envelopeBytes > envelopeLimitBytes) throw tooLarge()
    // A copy: a slice would hold the whole piece of the stream.
    if (piece.length > 0) (found ? after : before).push(Buffer.from(piece))
  }

  /** Walks until the audio begins, or to the end. */
  function walk(chunk: Buffer, from: number): { stop: number; begins: boolean } {
    for (let index = from; index < chunk.length; index++) {
      const byte = chunk[index] ?? 0
      if (mode === 'text') inText(byte)
      else if (byte === quote && place.isAudio()) return { stop: index + 1, begins: true }
      else structure(byte)
    }
    return { stop: chunk.length, begins: false }
  }

  function inText(byte: number): void {
    if (escaped) escaped = false
    else if (byte === backslash) escaped = true
    else if (byte === quote) mode = 'structure'
    if (mode === 'text') place.character(byte)
  }

  function structure(byte: number): void {
    if (byte === quote) {
      mode = 'text'
      place.beginText()
    } else if (byte === colon) place.value()
    else if (byte === comma) place.next()
    else if (opening.has(byte)) place.open(byte)
    else if (closing.has(byte)) place.close()
  }

  function beginAudio(): void {
    const error = { pointer: '/data/full_audio', detail: 'must be there once' }
    if (found) throw new InvalidRequestError('data/full_audio twice', [error])
    found = true
    mode = 'audio'
  }

  /** Decodes until the text ends, or as far as the piece goes; answers where. Base64 has no quote, nor an escaped one. */
  function decode(chunk: Buffer, from: number, audio: Buffer[]): number {
    const end = chunk.indexOf(quote, from)
    audio.push(decoder.decode(chunk.subarray(from, end < 0 ? chunk.length : end)))
    if (end < 0) return chunk.length
    decoder.end()
    mode = 'structure'
    place.next()
    keep(chunk.subarray(end, end + 1))
    return end + 1
  }

  return {
    /**
     * The audio in this piece of the body.
     * @throws InvalidRequestError 422 for audio that is no base64; what `tooLarge` makes for an envelope beyond its limit
     */
    feed(chunk: Buffer): Buffer[] {
      const audio: Buffer[] = []
      for (let index = 0; index < chunk.length;) {
        if (mode === 'audio') {
          index = decode(chunk, index, audio)
          continue
        }
        const { stop, begins } = walk(chunk, index)
        keep(chunk.subarray(index, stop))
        if (begins) beginAudio()
        index = stop
      }
      return audio
    },
    /** The body, with the text in the place of the audio where there was some. */
    envelope: (text: string): Buffer => Buffer.concat([...before, ...(found ? [Buffer.from(text)] : []), ...after]),
    hasAudio: () => found,
  }
}
