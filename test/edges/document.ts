import fc from 'fast-check'
import { z } from 'zod'

export interface JsonSchema {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  allOf?: JsonSchema[]
  format?: string
  pattern?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  items?: JsonSchema
  minItems?: number
  maxItems?: number
  properties?: Record<string, JsonSchema>
  required?: string[]
  additionalProperties?: boolean | JsonSchema
}

interface Content {
  content?: Record<string, { schema: JsonSchema }>
}

interface OperationObject {
  operationId: string
  parameters?: { name: string; in: 'path' | 'query' | 'header'; required?: boolean; schema: JsonSchema }[]
  requestBody?: Content
  responses: Record<string, Content>
}

export interface Document {
  paths: Record<string, Record<string, OperationObject>>
  components: { schemas: Record<string, JsonSchema> }
}

export interface Operation extends OperationObject {
  method: string
  path: string
  body: JsonSchema | undefined
}

/** Every operation that the document promises. */
export const operationsOf = (document: Document): Operation[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
      body: operation.requestBody?.content?.['application/json']?.schema,
    })),
  )

/** The schema that a reference names. */
export function resolve(document: Document, schema: JsonSchema): JsonSchema {
  const name = schema.$ref?.split('/').at(-1)
  return name === undefined ? schema : resolve(document, document.components.schemas[name] ?? {})
}

/** Values that a schema allows, mostly: formats that nobody can guess are left to chance. */
export function valuesOf(document: Document, given: JsonSchema): fc.Arbitrary<unknown> {
  const schema = resolve(document, given)
  const several = schema.anyOf ?? schema.oneOf
  if (several) return fc.oneof(...several.map((one) => valuesOf(document, one)))
  if (schema.allOf)
    return fc
      .tuple(...schema.allOf.map((one) => valuesOf(document, one)))
      .map((all) => Object.assign({}, ...all) as unknown)
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const types = [schema.type ?? []].flat()
  if (types.length > 1) return fc.oneof(...types.map((type) => valuesOf(document, { ...schema, type })))
  const [type] = types
  if (type === 'string') return textsOf(schema)
  if (type === 'integer')
    return fc.integer({
      min: Math.max(schema.minimum ?? -5, -(2 ** 31)),
      max: Math.min(schema.maximum ?? 1_000, 2 ** 31 - 1),
    })
  if (type === 'number') return fc.double({ min: schema.minimum ?? -5, max: schema.maximum ?? 1_000, noNaN: true })
  if (type === 'boolean') return fc.boolean()
  if (type === 'null') return fc.constant(null)
  if (type === 'array')
    return fc.array(valuesOf(document, schema.items ?? {}), {
      minLength: schema.minItems ?? 0,
      maxLength: Math.min(schema.maxItems ?? 3, (schema.minItems ?? 0) + 3),
    })
  if (type === 'object' || schema.properties) return objectsOf(document, schema)
  return fc.jsonValue({ maxDepth: 2 })
}

function textsOf(schema: JsonSchema): fc.Arbitrary<string> {
  if (schema.format === 'uuid') return fc.uuid()
  if (schema.format === 'date-time')
    return fc
      .date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString())
  if (schema.format === 'uri') return fc.webUrl()
  if (schema.format === 'email') return fc.emailAddress()
  const minLength = schema.minLength ?? 0
  const limits = { minLength, maxLength: Math.min(schema.maxLength ?? 30, minLength + 30) }
  const plain = fc.string({ ...limits, unit: 'grapheme' })
  if (!schema.pattern) return plain
  try {
    return fc.oneof(
      { weight: 3, arbitrary: fc.stringMatching(new RegExp(schema.pattern, 'u')) },
      { weight: 1, arbitrary: plain },
    )
  } catch {
    return plain
  }
}

function objectsOf(document: Document, { properties = {}, required = [], additionalProperties }: JsonSchema) {
  const known = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, valuesOf(document, schema)]),
  )
  const record = fc.record(known, { requiredKeys: required.filter((name) => name in known) })
  if (typeof additionalProperties !== 'object' || Object.keys(properties).length > 0) return record
  return fc.dictionary(fc.string({ maxLength: 10 }), valuesOf(document, additionalProperties), { maxKeys: 3 })
}

/** What an answer lacks to be one that the document promises; undefined when it is one. */
export function createJudge(document: Document) {
  const schemas = new Map<string, z.ZodType>()
  // The reader of schemas knows definitions only beside the schema itself.
  const plain = (value: unknown) =>
    JSON.parse(JSON.stringify(value).replaceAll('#/components/schemas/', '#/$defs/')) as object
  const definitions = plain(document.components.schemas)
  const reader = (schema: JsonSchema) => {
    const text = JSON.stringify(schema)
    const known =
      schemas.get(text) ??
      z.fromJSONSchema({ ...plain(schema), $defs: definitions } as Parameters<typeof z.fromJSONSchema>[0])
    schemas.set(text, known)
    return known
  }
  /** Refused before the route is asked: any operation may be. */
  const general = ['400', '413', '415']

  return function complaint(
    operation: Operation,
    answer: { status: number; type: string | null; text: string },
  ): string | undefined {
    const status = String(answer.status)
    if (answer.status >= 500) return `a failure: ${answer.text}`
    const promised = operation.responses[status] ?? (general.includes(status) ? operation.responses.default : undefined)
    if (!promised) return `an undocumented status ${status}: ${answer.text.slice(0, 300)}`
    const { content } = promised
    if (!content) return answer.text === '' || answer.type !== null ? undefined : `a body where none is documented`
    const type = answer.type?.split(';')[0] ?? ''
    const media = Object.entries(content).find(([name]) => name.split(';')[0] === type)?.[1]
    if (!media) return `an undocumented type ${type} with status ${status}`
    if (!/json$/.test(type)) return undefined
    const parsed = reader(media.schema).safeParse(JSON.parse(answer.text))
    return parsed.success
      ? undefined
      : `${status}: ${parsed.error.message.slice(0, 500)} in ${answer.text.slice(0, 500)}`
  }
}
