import { z } from 'zod'

type Schema = z.core.JSONSchema.BaseSchema

const formats: Record<string, string> = {
  uuid: '0199a3c2-6d1e-7000-8000-0000000000cc',
  email: 'somebody@example.test',
  'date-time': new Date(Date.now() + 86_400_000).toISOString(),
  date: '2026-11-21',
  uri: 'https://example.test/',
}

/** A value that a schema takes, or undefined when it cannot be guessed. */
export function sampleOf(schema: z.ZodType): unknown {
  const candidates = [{}, ...examplesOf(schema), build(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))]
  return candidates.find((candidate) => schema.safeParse(candidate).success)
}

function examplesOf(schema: z.ZodType): unknown[] {
  const { example, examples } = (schema.meta() ?? {}) as { example?: unknown; examples?: unknown[] }
  return [example, ...(examples ?? [])].filter((one) => one !== undefined)
}

/** One value for each field, those that may be left out as well: a change that changes nothing is often refused. */
function build(schema: Schema): unknown {
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  if (schema.default !== undefined) return schema.default
  const [first] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? []
  if (first) return build(first)
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, property]) => [name, build(property as Schema)]),
      )
    case 'array':
      return Array.from({ length: Math.max(1, schema.minItems ?? 0) }, () => build(schema.items as Schema))
    case 'integer':
    case 'number':
      return schema.minimum ?? 1
    case 'boolean':
      return true
    case 'string':
      return formats[schema.format ?? ''] ?? 'a'.repeat(Math.max(1, schema.minLength ?? 0))
    default:
      return undefined
  }
}
