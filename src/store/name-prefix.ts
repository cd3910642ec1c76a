import type { Condition } from './page.js'
import { cleanText } from './values.js'

/** After every text that begins with a prefix: the last code point there is. */
const last = '\u{10FFFF}'

/** Names that begin like this, in whatever case: a range of the index on name_key. */
export function namePrefix(name: string | undefined): Condition[] {
  if (name === undefined) return []
  const from = cleanText(name)
  return [['name_key >= lower(?::text) and name_key < lower(?::text)', [from, from + last]]]
}
