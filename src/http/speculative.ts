import type { Incoming } from './route.js'

/** A browser that only guesses where its user goes next must not start a call that is paid for. */
export function isSpeculative({ ctx }: Pick<Incoming, 'ctx'>): boolean {
  if (ctx.method === 'HEAD') return true
  return ['sec-purpose', 'purpose', 'x-moz'].some((name) => /prefetch|preview|prerender/i.test(ctx.get(name)))
}
