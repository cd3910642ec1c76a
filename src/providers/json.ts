export type Fields = Record<string, unknown>

/** The fields of a JSON object; none for anything else. */
export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}

/** The fields of JSON text; none for text that is no JSON, or no object. */
export function fieldsOfText(text: string): Fields {
  try {
    return fieldsOf(JSON.parse(text))
  } catch {
    return {}
  }
}
