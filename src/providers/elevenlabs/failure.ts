import { ProviderError, type ProviderErrorCode } from '../../domain/errors.js'
import { fieldsOf } from '../json.js'
import { type ProviderResponse, retryAfterSeconds } from '../request.js'

/**
 * What went wrong, in the words of Parley. `detail` is an object with `code` or, in older answers, `status`, or a list of
 * fields (elevenlabs.io/docs/eleven-api/resources/errors).
 */
export function elevenLabsError(operation: string, response: ProviderResponse): ProviderError {
  const { word, said } = detailOf(response.body)
  const detail = `elevenlabs answered ${operation} with ${response.status}${said ? `: ${said}` : ''}`
  return new ProviderError(codeOf(response.status, word), detail, 'elevenlabs', response.status, {
    retryAfterSeconds: retryAfterSeconds(response.headers['retry-after']),
  })
}

function codeOf(status: number, word: string): ProviderErrorCode {
  // The quota is told with the status of a wrong key.
  if (status === 402 || word === 'quota_exceeded') return 'provider_out_of_credits'
  if (status === 401 || status === 403) return 'provider_credentials'
  if (status === 404) return 'provider_not_found'
  if (status === 429) return word === 'concurrent_limit_exceeded' ? 'provider_at_capacity' : 'provider_rate_limited'
  return status >= 500 || status === 408 ? 'provider_failed' : 'provider_rejected'
}

function detailOf(body: string): { word: string; said: string } {
  try {
    const { detail } = fieldsOf(JSON.parse(body))
    if (Array.isArray(detail)) return { word: '', said: detail.map(fieldSaid).filter(Boolean).join('; ').slice(0, 300) }
    if (typeof detail === 'string') return { word: '', said: detail.slice(0, 300) }
    const { code, status, message } = fieldsOf(detail)
    const word = [code, status].find((one) => typeof one === 'string') ?? ''
    return { word: String(word), said: typeof message === 'string' ? message.slice(0, 300) : String(word) }
  } catch {
    return { word: '', said: '' }
  }
}

function fieldSaid(value: unknown): string {
  const { loc, msg } = fieldsOf(value)
  const place = Array.isArray(loc) ? loc.join('/') : ''
  return typeof msg === 'string' ? `${place} ${msg}`.trim() : ''
}
