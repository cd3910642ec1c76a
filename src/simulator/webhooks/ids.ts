import { randomBytes } from 'node:crypto'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** So many hexadecimal digits: 32 for Twilio and CallRail. */
export const hexId = (prefix: string, digits = 32): string =>
  prefix +
  randomBytes(Math.ceil(digits / 2))
    .toString('hex')
    .slice(0, digits)

/** Letters and digits, as LiveKit, Clerk and Svix make theirs. */
export const plainId = (prefix: string, length: number): string =>
  prefix + Array.from(randomBytes(length), (byte) => alphabet[byte % alphabet.length]).join('')
