import { existsSync } from 'node:fs'
import { childEnvironment } from './environment.js'
import { onPath } from './path-search.js'

const programs = ['redis-server', 'valkey-server']

/** The path of an installed Redis or Valkey server, for the tests: REDIS_SERVER_PATH, else the first on PATH. */
export function findRedisServer(environment = childEnvironment()): string | undefined {
  const named = environment.REDIS_SERVER_PATH?.trim()
  if (named) return existsSync(named) ? named : undefined
  return programs.flatMap((program) => onPath(program, environment))[0]
}
