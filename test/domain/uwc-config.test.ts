import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.js'
import { problemsOf } from './config-problems.js'

describe('@unit the configuration of the ML partner', () => {
  it('has everything off, and a day for a job', () => {
    expect(loadConfig({ NODE_ENV: 'test' }).uwc).toEqual({
      webhookSecrets: [],
      baseUrl: undefined,
      apiKey: undefined,
      version: 'v1',
      staging: false,
      features: { asr: false, rag: false, training: false, followups: false },
      requestTimeoutMs: 10_000,
      askTimeoutMs: 30_000,
      pollMs: 60_000,
      jobTimeoutMs: 86_400_000,
    })
  })

  it('takes an address without its last slash, another version, and each switch', () => {
    const env = { NODE_ENV: 'test', UWC_BASE_URL: 'https://uwc.example/', UWC_VERSION: 'v2', USE_UWC_STAGING: 'true' }
    expect(loadConfig({ ...env, ENABLE_UWC_RAG: 'true' }).uwc).toMatchObject({
      baseUrl: 'https://uwc.example',
      version: 'v2',
      staging: true,
      features: { asr: false, rag: true },
    })
  })

  it.each([
    ['UWC_BASE_URL', 'uwc.example', 'must be an http or https URL'],
    ['UWC_VERSION', '../v1', 'must be a version such as v1'],
    ['USE_UWC_STAGING', 'maybe', 'must be true or false'],
    ['ENABLE_UWC_ASR', 'maybe', 'must be true or false'],
    ['UWC_POLL_SECONDS', '0', 'must be between 0.05 and 3600'],
    ['UWC_JOB_TIMEOUT_SECONDS', 'x', 'must be a number between 0.1 and 2592000'],
  ])('names %s when it is %s', (name, value, message) => {
    expect(problemsOf({ NODE_ENV: 'test', [name]: value })).toEqual({ [name]: message })
  })

  it('sends nothing over an open line in production', () => {
    expect(problemsOf({ NODE_ENV: 'production', UWC_BASE_URL: 'http://uwc.example' })).toMatchObject({
      UWC_BASE_URL: 'must begin with https:// in production',
    })
  })
})
