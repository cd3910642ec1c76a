/** Classes of SQLSTATE whose messages quote names of tables, columns and constraints, and nothing that was sent. */
const namesOnly = /^(?:08|23|25|26|28|3D|3F|40|42|53|54|55|57|58)/
/** What a trigger or a function of the database raised may say anything. */
const raised = /^P0/

/** Whether PostgreSQL sent it. */
const isOfDatabase = ({ code, severity }: { code?: unknown; severity?: unknown }) =>
  typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && typeof severity === 'string'

/** From the first quotation mark to the last: what is quoted may hold some itself. */
const withoutQuoted = (text: string) => text.replace(/".*"/s, '"…"')

/** What knex puts before the message of the database. */
const withoutStatement = (text: string) => text.slice(text.lastIndexOf(' - ') + 1).replace(/^- /, '')

/** The message of an error without the values of users that its thrower puts into it. */
export function safeMessage(error: Error): string {
  const { code, errors } = error as { code?: unknown; errors?: unknown }
  if (isOfDatabase(error as { code?: unknown })) {
    if (raised.test(String(code))) return 'the database raised an exception'
    return withoutStatement(namesOnly.test(String(code)) ? error.message : withoutQuoted(error.message))
  }
  // JSON.parse shows what it could not read.
  if (error.name === 'SyntaxError') return error.message.replace(/(?<=Unexpected token ).*/s, '…')
  // A field that nobody knows is named by who sent it, and a wrong value may be quoted.
  if (Array.isArray(errors) && errors.length > 0 && 'status' in error) return `wrong fields: ${errors.length}`
  return error.message
}

/** The stack with that message in the place of the error's own. */
export function safeStack(error: Error, message: string): string | undefined {
  const { stack } = error
  if (stack === undefined || error.message === '' || message === error.message) return stack
  return stack.split(error.message).join(message)
}

/** Takes what users sent out of an error of the database itself: it goes on to logs, traces and the workflow engine. */
export function withoutValues<T>(error: T): T {
  if (!(error instanceof Error) || !isOfDatabase(error as { code?: unknown })) return error
  const message = safeMessage(error)
  const stack = safeStack(error, message)
  error.message = message
  if (stack !== undefined) error.stack = stack
  for (const field of ['detail', 'hint', 'where', 'internalQuery']) delete (error as Record<string, unknown>)[field]
  return error
}
