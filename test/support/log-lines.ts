import { createLogger, type Logger } from '../../src/observability/logger.js'

/** A log whose lines can be looked at, masked as in production. */
export function logInto(
  lines: Record<string, unknown>[],
  { service = 'test', level = 'debug' }: { service?: string; level?: 'info' | 'debug' } = {},
): Logger {
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }
  return createLogger({ service, level, redactPii: true, destination })
}
