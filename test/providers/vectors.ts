import { readFileSync } from 'node:fs'

/** A set of vectors of test/fixtures/vectors. */
export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/vectors/${name}.json`, import.meta.url), 'utf8')) as T
}

/** A signed delivery, as the sets of Svix and Standard Webhooks write it. */
export interface SignedVector {
  id: string
  secret: string | null
  url: string
  headers: Record<string, string>
  rawBody: string
  /** Clock of the verifier, unix seconds. */
  now: number
  expect: 'valid' | 'invalid'
}

/** As Node gives them. */
export const lowerCase = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
