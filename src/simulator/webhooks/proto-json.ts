/** JSON as Go's protojson writes it: a space after each comma of an object or list, which no other serialiser repeats. */
export function protoJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(protoJson).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${protoJson(field)}`).join(', ')}}`
}
