import type { z } from 'zod'

/** What was sent cannot be taken; `field` says where. */
export class InvalidInput extends Error {
  override readonly name = 'InvalidInput'
  constructor(
    readonly field: string,
    why: string,
  ) {
    super(field === '' ? why : `${field}: ${why}`)
  }
}

/** The input as the schema reads it. */
export function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input ?? {})
  if (result.success) return result.data
  const [issue] = result.error.issues
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : []
  throw new InvalidInput([...(issue?.path ?? []), ...unknown].join('.'), issue?.message ?? 'invalid')
}
