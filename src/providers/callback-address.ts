const loopback = /^https?:\/\/(localhost|127\.|\[::1\]|0\.0\.0\.0)/i

/**
 * Where a provider is to report to; undefined where it could not reach us: providers refuse addresses of one's own machine,
 * which only a simulator there can use.
 */
export function reachableBase(publicUrl: string, providerUrl: string): string | undefined {
  return loopback.test(publicUrl) && !loopback.test(providerUrl) ? undefined : publicUrl.replace(/\/+$/, '')
}
