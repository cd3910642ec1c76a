import type { z } from 'zod'
import { InvalidInput } from '../invalid.js'

/** A request whose fields are wrong: all of them, by JSON pointer. */
export class Unprocessable extends InvalidInput {
  constructor(readonly errors: readonly { pointer: string; detail: string }[]) {
    super((errors[0]?.pointer ?? '').slice(1).replaceAll('/', '.'), errors[0]?.detail ?? 'invalid')
  }
}

/** The input as the schema reads it; `under` is where the input lies in the request. */
export function unprocessable<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  under: readonly string[] = [],
): z.output<Schema> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  throw new Unprocessable(
    result.error.issues.flatMap((issue) => {
      const names = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [key]) : [[]]
      return names.map((name) => ({ pointer: pointerTo([...under, ...issue.path, ...name]), detail: issue.message }))
    }),
  )
}

const pointerTo = (path: readonly PropertyKey[]) => path.map((part) => `/${String(part)}`).join('')
