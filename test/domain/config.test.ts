import { describe, expect, it } from 'vitest'
import { ConfigError, loadConfig, variables } from '../../src/config.js'

type Environment = Record<string, string>

/** What a start says of a wrong environment: variable by variable. */
function problemsOf(env: Environment): Record<string, string> {
  try {
    loadConfig(env)
    return {}
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return Object.fromEntries(error.problems.map(({ variable, message }) => [variable, message]))
  }
}

const postgres = 'must be a postgres:// or postgresql:// URL; special characters of a password are %-encoded in it'
const address = 'must be host:port, such as 127.0.0.1:7233'

describe('a wrong variable', () => {
  it.each([
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
    ['JWT_EXP_HOURS', '0.5'],
  ])('%s=%s is taken', (name, value) => {
    expect(problemsOf({ [name]: value })).toEqual({})
  })
})
