import { type DestinationStream, type Logger as PinoLogger, type LoggerOptions as PinoOptions, pino } from 'pino'
import { safeMessage } from './error-texts.js'
import { createRedactor, type Redactor } from './redact.js'
import { activeTraceId } from './trace-context.js'

export type Logger = PinoLogger

export interface LoggerOptions {
  service: string
  level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  redactPii: boolean
  /** Where the lines go; standard output when absent. */
  destination?: DestinationStream | undefined
}

/** JSON lines, with secrets and personal data masked wherever they stand. */
export function createLogger({ service, level, redactPii, destination }: LoggerOptions): Logger {
  const redactor = createRedactor({ personal: redactPii })
  const options: PinoOptions = {
    level,
    base: { service },
    messageKey: 'message',
    timestamp: () => `,"ts":"${new Date().toISOString()}"`,
    // The redactor has made plain objects of errors: pino's own serialiser would not know their message as masked.
    serializers: { err: (value: unknown) => value },
    formatters: { level: (label) => ({ level: label }) },
    mixin: (_, __, logger) => ((logger as unknown as Traced)[traced] ? {} : traceOf()),
    hooks: {
      logMethod(args, method) {
        method.apply(this, redactedArguments(args, redactor) as Parameters<typeof method>)
      },
    },
  }
  return maskChildren(destination ? pino(options, destination) : pino(options), redactor)
}

/** Set on a log that names its trace itself, and so on its children. */
const traced = Symbol('traced')
interface Traced {
  [traced]?: true
}

function traceOf(): { trace_id?: string } {
  const traceId = activeTraceId()
  return traceId === undefined ? {} : { trace_id: traceId }
}

/** What a child is given passes neither the hook nor, in pino, the formatter of bindings. Children inherit this. */
function maskChildren(log: Logger, redactor: Redactor): Logger {
  const child = log.child
  log.child = function maskedChild(this: Logger, bindings: object, ...options: []) {
    const made = child.call(this, redactor.fields(bindings), ...options)
    if ('trace_id' in bindings) (made as unknown as Traced)[traced] = true
    return made
  } as typeof child
  return log
}

/** Arguments of a log call: fields or an error first, then the message and what is put into it. */
function redactedArguments([first, ...rest]: unknown[], redactor: Redactor): unknown[] {
  if (typeof first !== 'object' || first === null) return [first, ...rest].map(redactor.value)
  const fields = redactor.fields(first instanceof Error ? { err: first } : first)
  const [message = messageOf(first), ...interpolated] = rest
  return [fields, ...[message, ...interpolated].map(redactor.value)]
}

/** As pino does: an error without a message of ours lends its own. */
function messageOf(first: object): string | undefined {
  const error = first instanceof Error ? first : (first as { err?: unknown }).err
  return error instanceof Error ? safeMessage(error) : undefined
}
