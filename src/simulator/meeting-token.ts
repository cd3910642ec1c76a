import { createHmac } from 'node:crypto'

const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')

const sign = (signed: string, key: string) => createHmac('sha256', key).update(signed).digest('base64url')

/** A Daily meeting token, HS256 with Daily's short claim names (docs.daily.co self-signing-tokens). */
export function meetingToken(room: string, lifeSeconds: number, key: string): string {
  const iat = Math.floor(Date.now() / 1000)
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ r: room, iat, exp: iat + lifeSeconds, o: false })}`
  return `${signed}.${sign(signed, key)}`
}

/** Daily looks at the token when somebody joins, and names what is wrong with it (daily-js index.d.ts). */
export function tokenRefusal(expected: string, given: string | undefined): 'not-allowed' | 'exp-token' | undefined {
  if (given !== expected) return 'not-allowed'
  const claims = JSON.parse(Buffer.from(expected.split('.')[1] ?? '', 'base64url').toString()) as { exp: number }
  return claims.exp * 1000 < Date.now() ? 'exp-token' : undefined
}
