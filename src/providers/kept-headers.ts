import type { IncomingHttpHeaders } from 'node:http'

/** The headers of a delivery that are worth keeping; none of them is a secret or a signature. */
export function keptHeaders(headers: IncomingHttpHeaders, more: readonly string[] = []): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of ['content-type', 'user-agent', 'date', ...more]) {
    const value = headers[name]
    if (typeof value === 'string') kept[name] = value.slice(0, 300)
  }
  return kept
}
