// Text of a user on its way into a prompt, where a model could take its form for structure of ours.

/** Marks that hide text, turn it round or vary a sign: invisible to whoever reads, and not to a model. */
const invisible = /[\p{DI}\p{Cf}\p{Cs}\p{Co}]/gu
/** Line breaks among them: whatever begins a line, from headings to lists, begins none any more. */
const blanks = /[\p{Cc}\p{Z}\s]+/gu
/** At most this long, so that each match takes time in proportion. */
const tags = /<[^\s<>][^<>]{0,200}>/g
const quotes = /["\p{Pi}\p{Pf}\u201a\u201e\u301d-\u301f]/gu
/** Where a model of some make looks for whose turn it is. */
const roles =
  /(?<![\p{L}\p{N}])(system|assistant|user|human|developer|tool|function|model|ai|bot|mentor|instructions?|prompt)(?=\s{0,3}[:\u02d0\u2236\ua789])\s{0,3}[:\u02d0\u2236\ua789]+/giu
/** Rules, fences, underlines of headings, emphasis. */
const runs = /([#=*_~^'-])\1+/g
const headings = /(?<![^\s(])#+(?=\s|$)/g
const bullets = /^[\s#>*+=~.:;,|-]+(?=\s|\p{L})/u

const brackets: Readonly<Record<string, string>> = { '[': '(', ']': ')', '{': '(', '}': ')', '|': '/', '`': "'" }

/**
 * The text as one line of plain words: no control or invisible characters, quotation marks, tags, headings, rules, brackets
 * or role markers. What it says stays; that words are no order must be said around them.
 * @param maxLength in characters; what is longer is cut
 */
export function plainText(text: string, maxLength: number): string {
  let plain = text.slice(0, maxLength * 8)
  // What one rule takes away may bring together what another one looks for.
  for (let before: string | undefined; before !== plain;) {
    before = plain
    plain = cut(simplified(plain.normalize('NFKC')), maxLength)
  }
  return plain
}

/** One round, in which no text grows. */
const simplified = (text: string) =>
  text
    .replace(invisible, '')
    .replace(blanks, ' ')
    .replace(tags, ' ')
    .replace(/[<>]/g, ' ')
    .replace(quotes, "'")
    .replace(/[[\]{}|`]/g, (sign) => brackets[sign] ?? '')
    .replace(/\\/g, '/')
    .replace(runs, '$1')
    .replace(headings, '')
    .replace(roles, '$1')
    .replace(bullets, '')
    .replace(/ {2,}/g, ' ')
    .trim()

function cut(text: string, maxLength: number): string {
  const signs = Array.from(text)
  return signs.length <= maxLength ? text : signs.slice(0, maxLength).join('').trimEnd()
}
