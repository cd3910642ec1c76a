import { setTimeout as wait } from 'node:timers/promises'
import { ProviderError } from '../../domain/errors.js'
import type { PartnerJobKind } from '../../domain/webhook.js'
import type { UwcEvents } from '../../observability/uwc-events.js'
import { isPlain } from '../body.js'
import { type Fields, fieldsOf } from '../json.js'
import type { ProviderResponse, Transport } from '../request.js'
import { uwcFailure, unreadable } from './failure.js'
import { signatureHeaders } from './signing.js'

export interface UwcConfig {
  baseUrl: string | undefined
  apiKey: string | undefined
  /** v1 */
  version: string
  staging: boolean
  /** The first signs. */
  webhookSecrets: readonly string[]
  requestTimeoutMs: number
  askTimeoutMs: number
}

export interface UwcCaller {
  companyId: string
  /** Of the job or of the question; a repeat with the same one has no second effect. */
  requestId: string
  signal?: AbortSignal | undefined
}

export interface UwcSubmission extends UwcCaller {
  /** What is sent beside company_id and request_id. */
  payload: Fields
  /** It was sent before, and what came of that is not known. */
  again: boolean
}

export interface UwcQuestion extends UwcCaller {
  query: string
  userRole: string
}

/** What the partner says to a question. */
export interface UwcAnswer {
  answer: string
  /** Where it has it from, as the partner names it. */
  sources: Fields[]
  /** What it says was used. */
  data: Fields
}

const submissions: Readonly<Record<PartnerJobKind, string>> = {
  asr: 'asr/batch',
  rag: 'documents/index',
  training: 'training/submit',
  analysis: 'analysis/submit',
  followup: 'followups/draft',
}

const firstPauseMs = 250
const mostTries = 4

interface Call extends UwcCaller {
  endpoint: string
  method: 'GET' | 'POST'
  path: string
  json?: Fields
  timeoutMs: number
}

/** The API of the ML partner: every request names company and request, and is signed as the partner's webhooks are. */
export function createUwcClient(
  config: UwcConfig,
  transport: Transport,
  { events, now = Date.now }: { events: UwcEvents; now?: () => number },
) {
  async function call({ endpoint, method, path, json, timeoutMs, companyId, requestId, signal }: Call) {
    const { baseUrl, apiKey, version, staging, webhookSecrets } = config
    if (!baseUrl || !apiKey) throw notConfigured(baseUrl ? 'UWC_API_KEY' : 'UWC_BASE_URL')
    const body = json === undefined ? '' : JSON.stringify(json)
    const began = performance.now()
    try {
      const response = await transport.send(endpoint, {
        method,
        url: `${baseUrl}/uwc/${version}/${path}`,
        headers: {
          authorization: `Bearer ${apiKey}`,
          'x-company-id': companyId,
          'x-request-id': requestId,
          'x-uwc-version': version,
          ...(staging ? { 'x-uwc-environment': 'staging' } : {}),
          ...(method === 'POST' ? { 'idempotency-key': requestId } : {}),
          ...signatureHeaders(webhookSecrets, { id: requestId, body, nowMs: now() }),
        },
        json,
        timeoutMs,
        signal,
      })
      events.answered({ endpoint, method, status: String(response.status), durationMs: performance.now() - began })
      if (response.status < 200 || response.status > 299) throw uwcFailure(endpoint, response)
      return response
    } catch (error) {
      if (error instanceof ProviderError) {
        if (error.providerStatus === undefined)
          events.answered({ endpoint, method, status: 'none', durationMs: performance.now() - began })
        events.failed({ endpoint, type: error.code })
      }
      throw error
    }
  }

  /** Until it is answered, refused, or the next try would come too late. */
  async function patiently<T>(
    endpoint: string,
    { untilMs, signal }: { untilMs: number; signal: AbortSignal | undefined },
    attempt: (leftMs: number) => Promise<T>,
  ): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await attempt(Math.max(1, untilMs - now()))
      } catch (error) {
        const pauseMs = pauseBefore(error, tried)
        if (pauseMs === undefined || now() + pauseMs >= untilMs) throw error
        await wait(pauseMs, undefined, { signal })
        events.retried({ endpoint })
      }
    }
  }

  return {
    configured: config.baseUrl !== undefined && config.apiKey !== undefined,

    /** Begins a job; one that was begun under the request's id already is the same job. */
    async submit(kind: PartnerJobKind, submission: UwcSubmission): Promise<{ jobId: string }> {
      const { payload, again, ...caller } = submission
      const endpoint = `submit_${kind}`
      if (again) events.retried({ endpoint })
      const response = await call({
        ...caller,
        endpoint,
        method: 'POST',
        path: submissions[kind],
        json: { company_id: caller.companyId, request_id: caller.requestId, ...payload },
        timeoutMs: config.requestTimeoutMs,
      })
      const { job_id: jobId } = objectOf(endpoint, response)
      if (!isPlain(jobId)) throw unreadable(endpoint, response.status)
      return { jobId }
    },

    /**
     * How a job stands, in the form of its webhook.
     * @throws ProviderError provider_not_found for a job that the partner does not know
     */
    async job(jobId: string, caller: UwcCaller): Promise<Fields> {
      const endpoint = 'job'
      const path = `jobs/${encodeURIComponent(jobId)}`
      const response = await call({ ...caller, endpoint, method: 'GET', path, timeoutMs: config.requestTimeoutMs })
      return objectOf(endpoint, response)
    },

    /** An answer now, from what the company's documents say. */
    async ask({ query, userRole, ...caller }: UwcQuestion): Promise<UwcAnswer> {
      const endpoint = 'ask'
      const json = {
        company_id: caller.companyId,
        request_id: caller.requestId,
        query,
        context: { user_role: userRole },
      }
      const until = { untilMs: now() + config.askTimeoutMs, signal: caller.signal }
      const response = await patiently(endpoint, until, (timeoutMs) =>
        call({ ...caller, endpoint, method: 'POST', path: 'rag/query', json, timeoutMs }),
      )
      return answerOf(endpoint, response)
    },
  }
}

export type UwcClient = ReturnType<typeof createUwcClient>

const notConfigured = (name: string) =>
  new ProviderError('provider_not_configured', `${name} is not set`, 'uwc', undefined)

/** Milliseconds; undefined when another try would not help. */
function pauseBefore(error: unknown, tried: number): number | undefined {
  if (!(error instanceof ProviderError) || !error.retryable || tried >= mostTries) return undefined
  return error.retryAfterSeconds === undefined ? firstPauseMs * 2 ** (tried - 1) : error.retryAfterSeconds * 1000
}

function objectOf(endpoint: string, { body, status }: ProviderResponse): Fields {
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Fields
  } catch {
    // Falls through.
  }
  throw unreadable(endpoint, status)
}

/** The text stands under `answer`, `response` or `text`; all of it may lie in `data`. */
function answerOf(endpoint: string, response: ProviderResponse): UwcAnswer {
  const body = objectOf(endpoint, response)
  const data = { ...fieldsOf(body.data), ...body }
  const answer = [data.answer, data.response, data.text].find((one) => typeof one === 'string')
  if (answer === undefined) throw unreadable(endpoint, response.status)
  const sources = [data.sources, data.citations, data.results].find(Array.isArray) ?? []
  return { answer, sources: sources.map(sourceOf).filter((source) => Object.keys(source).length > 0), data }
}

/** A source may be its id alone. */
const sourceOf = (source: unknown): Fields => (typeof source === 'string' ? { document_id: source } : fieldsOf(source))
