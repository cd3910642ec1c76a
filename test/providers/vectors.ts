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
  const file = new URL(`../fixtures/vectors/${provider}.json`, import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] }).vectors
}

export const lowerCased = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
