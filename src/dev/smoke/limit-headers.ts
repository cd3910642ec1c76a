import type { Answer } from './client.js'

/** One limit as an answer tells of it. */
export interface Limit {
  quota: number
  windowSeconds: number
  remaining: number
  resetSeconds: number
}

/** Reads RateLimit-Policy and RateLimit: `"user";q=60;w=60` and `"user";r=59;t=60`, by the names of the limits. */
export function limitsOf({ headers }: Pick<Answer, 'headers'>): Record<string, Limit> {
  const policies = itemsOf(headers.get('ratelimit-policy'))
  const states = itemsOf(headers.get('ratelimit'))
  const limits: Record<string, Limit> = {}
  for (const [name, { q, w }] of policies) {
    const { r, t } = states.get(name) ?? {}
    if (q === undefined || w === undefined || r === undefined || t === undefined) continue
    limits[name] = { quota: q, windowSeconds: w, remaining: r, resetSeconds: t }
  }
  return limits
}

function itemsOf(header: string | null): Map<string, Record<string, number>> {
  const items = new Map<string, Record<string, number>>()
  for (const [, name = '', parameters = ''] of (header ?? '').matchAll(/"([^"]+)"((?:;\w+=\d+)*)/g)) {
    const numbers = [...parameters.matchAll(/;(\w+)=(\d+)/g)]
    items.set(name, Object.fromEntries(numbers.map(([, key = '', value]) => [key, Number(value)])))
  }
  return items
}

/** For a person: 5 in 60 s. */
export const shown = ({ quota, windowSeconds }: Limit): string => `${quota} in ${windowSeconds} s`
