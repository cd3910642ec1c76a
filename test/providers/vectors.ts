import { readFileSync } from 'node:fs'

/** A request with what our verifier must say of it. */
export interface Vector {
  id: string
  secret: string
  method: string
  url: string
  headers: Record<string, string>
  rawBody: string
  expect: 'valid' | 'invalid'
}

/** The signature vectors of a provider; all of them are to be tried. */
export function vectorsOf(provider: string): Vector[] {
  return readVectors<{ vectors: Vector[] }>(provider).vectors
}

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
export const lowerCased = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
