import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.js'
import { problemsOf } from './config-problems.js'

type Environment = Record<string, string>

const production: Environment = {
  NODE_ENV: 'production',
  JWT_SECRET: '7f3c9a1e5b8d2046c1e8a9f4b7d30562',
  DATABASE_URL: 'postgres://app:x@db/parley',
  TEMPORAL_ADDRESS: 'temporal:7233',
  PUBLIC_URL: 'https://api.example.test',
}

describe('JWT_SECRET of a production start @unit', () => {
  it('is taken when it is long and no placeholder', () => {
    expect(problemsOf(production)).toEqual({})
  })

  it.each([
    ['', 'is required in production'],
    ['   ', 'is required in production'],
    ['short', 'must have at least 32 bytes'],
    ['7f3c9a1e5b8d2046c1e8a9f4b7d3056', 'must have at least 32 bytes'],
    ['change-me-change-me-change-me-change-me', 'still has a placeholder value'],
    ['please-change-this-secret-before-you-go-live', 'still has a placeholder value'],
    ['your-256-bit-secret-your-256-bit-secret', 'still has a placeholder value'],
    ['secretsecretsecretsecretsecretsecret', 'still has a placeholder value'],
    ['a'.repeat(64), 'still has a placeholder value'],
    ['12121212121212121212121212121212', 'still has a placeholder value'],
  ])('%j stops it', (secret, message) => {
    expect(problemsOf({ ...production, JWT_SECRET: secret })).toEqual({ JWT_SECRET: message })
  })
})

describe('whose tokens are accepted beside our own @unit', () => {
  const clerkOf = (env: Environment) => loadConfig({ NODE_ENV: 'test', ...env }).identity.clerk

  it('is nobody’s unless a variable says so', () => {
    expect(clerkOf({})).toBeUndefined()
    expect(clerkOf({ CLERK_AUDIENCE: 'parley' })).toBeUndefined()
  })

  it('follows from the issuer, or from where the keys are', () => {
    const both = { secretKey: undefined, audience: [], authorizedParties: [] }
    const jwksUrl = 'https://clerk.example.test/.well-known/jwks.json'
    const issuer = 'https://clerk.example.test'
    expect(clerkOf({ CLERK_ISSUER: `${issuer}/` })).toEqual({ issuer, jwksUrl, ...both })
    expect(clerkOf({ CLERK_JWKS_URL: jwksUrl })).toEqual({ issuer, jwksUrl, ...both })
    const apart = { CLERK_ISSUER: issuer, CLERK_JWKS_URL: 'https://api.clerk.com/v1/jwks' }
    expect(clerkOf(apart)).toEqual({ issuer, jwksUrl: 'https://api.clerk.com/v1/jwks', ...both })
  })

  it.each([
    [{ CLERK_ISSUER: 'clerk' }, { CLERK_ISSUER: 'must be an http or https URL' }],
    [
      { CLERK_JWKS_URL: 'https://api.clerk.com/v1/jwks' },
      { CLERK_ISSUER: 'is required when CLERK_JWKS_URL does not end in /.well-known/jwks.json' },
    ],
    [{ CLERK_ISSUER: 'http://clerk.example.test' }, { CLERK_ISSUER: 'must begin with https:// in production' }],
    [
      { CLERK_ISSUER: 'https://clerk.example.test', CLERK_JWKS_URL: 'http://clerk.example.test/jwks' },
      { CLERK_JWKS_URL: 'must begin with https:// in production' },
    ],
    [
      { CLERK_ISSUER: 'https://c.example.test', CLERK_AUTHORIZED_PARTIES: 'app.acme.test' },
      { CLERK_AUTHORIZED_PARTIES: 'must be origins such as https://app.example.org' },
    ],
  ])('is refused as %j', (env, problems) => {
    expect(problemsOf({ ...production, ...(env as Environment) })).toEqual(problems)
  })
})
