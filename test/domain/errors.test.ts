import { describe, expect, it } from 'vitest'
import {
  ConflictingSessionError,
  InvalidRequestError,
  ParleyError,
  ProviderError,
  type ProviderErrorCode,
  providerProblems,
  TooManyRequestsError,
} from '../../src/domain/errors.js'

describe('ProviderError', () => {
  const codes = Object.keys(providerProblems) as ProviderErrorCode[]
  const of = (code: ProviderErrorCode) => new ProviderError(code, 'no', 'tavus', undefined)

  it('is worth another try only when the provider may do better', () => {
    const retryable = ['provider_rate_limited', 'provider_failed', 'provider_unreachable', 'provider_timeout']
    expect(codes.filter((code) => of(code).retryable)).toEqual(retryable)
  })

  it('leaves the result open only when no good answer came', () => {
    const unknown = ['provider_failed', 'provider_unreachable', 'provider_timeout']
    expect(codes.filter((code) => of(code).unknownResult)).toEqual(unknown)
  })

  it.each(codes)('answers %s as a client or gateway error, never as our own fault', (code) => {
    expect([400, 402, 404, 429, 502, 503]).toContain(of(code).status)
  })
})

describe('ParleyError', () => {
  it('says malformed for a 400 and invalid for a 422', () => {
    expect(new InvalidRequestError('no', undefined, 400)).toMatchObject({ code: 'malformed_request', status: 400 })
    expect(new InvalidRequestError('no')).toMatchObject({ code: 'invalid_request', status: 422 })
  })

  it('carries when to come back', () => {
    expect(new TooManyRequestsError('later', 7)).toMatchObject({ status: 429, retryAfterSeconds: 7 })
  })

  it('keeps its own name, its base and its cause', () => {
    const error = new ConflictingSessionError('two', new Error('why'))
    expect(error).toBeInstanceOf(ParleyError)
    expect(error).toMatchObject({ name: 'ConflictingSessionError', status: 409, cause: new Error('why') })
  })
})
