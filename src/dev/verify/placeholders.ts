import { type Config, ConfigError, loadConfig, variables } from '../../config.js'

type Load = (env: Record<string, string>) => Config

const samples = ['change-me', 'changeme', 'your-secret-here', '<secret>', 'placeholder']

/** Names of the variables that hold secrets. */
export const secretNames: ReadonlySet<string> = new Set(
  Object.entries(variables).flatMap(([name, { secret }]: [string, { secret?: boolean }]) => (secret ? [name] : [])),
)

/** Secrets that a production start would take with a placeholder for a value; there must be none. */
export function acceptedPlaceholders(load: Load = loadConfig): string[] {
  // Of the demo users, who are never in production.
  const names = [...secretNames].filter((name) => name !== 'DEMO_PASSWORD')
  return names.flatMap((name) =>
    samples.filter((sample) => !isRefused(load, name, sample)).map((text) => `${name}=${text}`),
  )
}

function isRefused(load: Load, name: string, value: string): boolean {
  try {
    load({ NODE_ENV: 'production', [name]: value })
    return false
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.some(({ variable }) => variable === name)
  }
}
