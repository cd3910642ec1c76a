import { InvalidRequestError } from '../../domain/errors.js'

const wrong = () =>
  new InvalidRequestError('data/full_audio wrong', [
    { pointer: '/data/full_audio', detail: 'must be one text of base64' },
  ])

/** Decodes the text of a JSON string of base64 piece by piece, whatever the pieces. */
export function createBase64Decoder() {
  let carried = ''
  let escape = ''
  let ended = false

  /** JSON may write / as \/, and some writers + and = as \u002b and \u003d. */
  function unescaped(text: string): string {
    if (escape === '' && !text.includes('\\')) return text
    const whole = escape + text
    const cut = /\\(?:u[0-9a-f]{0,3})?$/i.exec(whole)
    escape = cut?.[0] ?? ''
    return whole
      .slice(0, whole.length - escape.length)
      .replace(/\\(?:u([0-9a-f]{4})|(\/))/gi, (_, code: string | undefined) =>
        code === undefined ? '/' : String.fromCharCode(parseInt(code, 16)),
      )
  }

  return {
    /** @throws InvalidRequestError 422 for what is no base64 */
    decode(piece: Buffer): Buffer {
      const text = carried + unescaped(piece.toString('latin1'))
      const whole = text.length - (text.length % 4)
      carried = text.slice(whole)
      if (whole === 0) return Buffer.alloc(0)
      const part = text.slice(0, whole)
      if (ended || !/^[A-Za-z0-9+/]*={0,2}$/.test(part)) throw wrong()
      ended = part.endsWith('=')
      return Buffer.from(part, 'base64')
    },
    /** @throws InvalidRequestError 422 when the text ended too early */
    end(): void {
      if (carried !== '' || escape !== '') throw wrong()
    },
  }
}
