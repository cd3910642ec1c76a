import { describe, expect, it } from 'vitest'
import { loadConfig, variables } from '../../src/config.js'
import { problemsOf } from './config-problems.js'

const postgres = 'must be a postgres:// or postgresql:// URL; special characters of a password are %-encoded in it'
const address = 'must be host:port, such as 127.0.0.1:7233'

const redis = 'must be a redis:// or rediss:// URL, such as redis://127.0.0.1:6379/0'
const rate = 'must be requests/second, /minute or /hour, such as 60/minute; at least 1, at most 999999999'

describe('a wrong variable', () => {
  it.each<[string, string, string]>([
    ['PORT', '70000', 'must be between 0 and 65535'],
    ['PORT', '-1', 'must be between 0 and 65535'],
    ['PORT', 'http', 'must be a whole number between 0 and 65535'],
    ['PORT', '80.5', 'must be a whole number between 0 and 65535'],
    ['JWT_EXP_HOURS', '-1', 'must be between 0.0001 and 8760'],
    ['JWT_EXP_HOURS', 'long', 'must be a number between 0.0001 and 8760'],
    ['SESSION_MAX_SECONDS', '0', 'must be between 5 and 86400'],
    ['SESSION_MAX_SECONDS', 'Infinity', 'must be a whole number between 5 and 86400'],
    ['LOG_LEVEL', 'loud', 'must be one of trace, debug, info, warn, error, fatal, silent'],
    ['NODE_ENV', 'staging', 'must be one of development, test, production'],
    ['DATABASE_URL', 'mysql://x', postgres],
    ['DATABASE_URL', 'postgres://user:a#b@host/db', postgres],
    ['DB_CONNECTION_STRING', 'localhost:5432', postgres],
    ['MIGRATION_DATABASE_URL', 'nowhere', postgres],
    ['TEMPORAL_ADDRESS', 'nohost', address],
    ['TEMPORAL_ADDRESS', 'http://127.0.0.1:7233', address],
    ['TEMPORAL_ADDRESS', '127.0.0.1:70000', address],
    ['REDIS_URL', 'http://127.0.0.1:6379', redis],
    ['REDIS_URL', 'localhost:6379', redis],
    ['REDIS_URL', 'redis://', redis],
    ...['RATE_LIMIT_USER', 'RATE_LIMIT_TENANT', 'RATE_LIMIT_ANONYMOUS', 'LOGIN_RATE_LIMIT'].flatMap((name) =>
      [
        '60',
        '0/minute',
        '-1/minute',
        '1.5/minute',
        '60/day',
        '60 / minute',
        '60/minutes',
        '1e3/minute',
        '1000000000/second',
      ].map((value): [string, string, string] => [name, value, rate]),
    ),
  ])('%s=%s is said in words', (name, value, message) => {
    expect(problemsOf({ [name]: value })).toEqual({ [name]: message })
  })

  it('is named together with every other one', () => {
    const wrong = { DATABASE_URL: 'mysql://x', TEMPORAL_ADDRESS: 'nohost', PORT: '70000', LOG_LEVEL: 'loud' }
    expect(Object.keys(problemsOf(wrong)).sort()).toEqual(Object.keys(wrong).sort())
  })

  it('is never explained in the words of the schema library', () => {
    const messages = Object.values(problemsOf(Object.fromEntries(Object.keys(variables).map((name) => [name, '-1.5']))))
    expect(messages.length).toBeGreaterThan(40)
    expect(messages.filter((message) => !/^(must|is|still) /.test(message))).toEqual([])
  })
})

describe('a right variable', () => {
  it.each([
    ['DATABASE_URL', 'postgresql://app:s%23cret@db.example.org:5432/parley?sslmode=require'],
    ['DATABASE_URL', 'postgres:///parley?host=/var/run/postgresql'],
    ['TEMPORAL_ADDRESS', 'temporal:7233'],
    ['TEMPORAL_ADDRESS', '[::1]:7233'],
    ['LOG_LEVEL', ' Debug '],
    ['PORT', '0'],
    ['REDIS_URL', 'redis://:s%23cret@cache:6379/2'],
    ['REDIS_URL', 'rediss://user:pass@cache.example.org'],
    ['RATE_LIMIT_USER', '1/second'],
    ['RATE_LIMIT_TENANT', ' 999999999/hour '],
    ['JWT_EXP_HOURS', '0.5'],
  ])('%s=%s is taken', (name, value) => {
    expect(problemsOf({ [name]: value })).toEqual({})
  })
})

describe('a limit', () => {
  it.each([
    ['60/minute', { points: 60, windowSeconds: 60 }],
    ['5/second', { points: 5, windowSeconds: 1 }],
    ['100/hour', { points: 100, windowSeconds: 3600 }],
  ])('of %s is %o', (value, expected) => {
    expect(loadConfig({ RATE_LIMIT_USER: value }).server.rates.user).toEqual(expected)
  })

  it('is there without a word: for a user, a company, and an address', () => {
    expect(loadConfig({}).server.rates).toEqual({
      user: { points: 60, windowSeconds: 60 },
      tenant: { points: 600, windowSeconds: 60 },
      anonymous: { points: 60, windowSeconds: 60 },
    })
  })
})
