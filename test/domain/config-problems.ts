import { ConfigError, loadConfig } from '../../src/config.js'

/** What a start says of a wrong environment: variable by variable. */
export function problemsOf(env: Record<string, string>): Record<string, string> {
  try {
    loadConfig(env)
    return {}
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return Object.fromEntries(error.problems.map(({ variable, message }) => [variable, message]))
  }
}
