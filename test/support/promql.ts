/** What a query asks of one metric: its name, and the labels that it matches, groups by, or takes for granted. */
export interface Asked {
  metric: string
  labels: string[]
}

const functions = new Set(
  'rate increase irate delta sum min max avg count histogram_quantile clamp_min abs round topk'.split(' '),
)
const words = new Set('by without and or unless on ignoring bool offset'.split(' '))
const token = /\s+|[a-zA-Z_:][\w:]*|\d+(?:\.\d+)?|"(?:[^"\\]|\\.)*"|\[\d+[smhdw]\]|==|!=|>=|<=|=~|!~|[-+*/^%<>=(){},]/gy

/**
 * Reads a query as far as a test needs: that it is made of what PromQL is made of, that what opens closes, and which
 * metrics and labels it names. Labels of a `by (…)` count for every metric of the query.
 * @throws Error saying what is wrong
 */
export function parsePromql(query: string): Asked[] {
  const tokens = [...query.matchAll(token)].map(([text]) => text)
  if (tokens.join('') !== query) throw new Error(`unreadable after: ${tokens.join('')}`)
  const parts = tokens.filter((text) => text.trim() !== '')
  assertClosed(parts)
  const grouped: string[] = []
  const asked: Asked[] = []
  for (let at = 0; at < parts.length; at++) {
    const [part = '', next] = [parts[at], parts[at + 1]]
    if (part === 'by' || part === 'without') {
      const end = parts.indexOf(')', at)
      grouped.push(...parts.slice(at + 2, end).filter((text) => text !== ','))
      at = end
    } else if (part === '{') at = parts.indexOf('}', at)
    else if (/^[a-zA-Z_:]/.test(part) && !words.has(part)) {
      if (functions.has(part)) {
        if (next !== '(' && next !== 'by' && next !== 'without') throw new Error(`${part} without arguments`)
      } else if (next === '(') throw new Error(`no function ${part}`)
      else asked.push({ metric: part, labels: matchersAt(parts, at + 1) })
    }
  }
  if (asked.length === 0) throw new Error('it asks for nothing')
  return asked.map(({ metric, labels }) => ({ metric, labels: [...new Set([...labels, ...grouped])] }))
}

function matchersAt(parts: readonly string[], at: number): string[] {
  if (parts[at] !== '{') return []
  const inside = parts.slice(at + 1, parts.indexOf('}', at))
  const labels: string[] = []
  for (let n = 0; n < inside.length; n += 4) {
    const [label = '', operator = '', value = '', comma = ','] = inside.slice(n, n + 4)
    if (!/^(?:=|!=|=~|!~)$/.test(operator) || !value.startsWith('"') || comma !== ',')
      throw new Error(`no matcher: ${[label, operator, value].join('')}`)
    if (operator.includes('~')) new RegExp(value.slice(1, -1))
    labels.push(label)
  }
  return labels
}

function assertClosed(parts: readonly string[]): void {
  const open: string[] = []
  const pairs: Record<string, string> = { ')': '(', '}': '{' }
  for (const part of parts) {
    if (part === '(' || part === '{') open.push(part)
    if (part in pairs && open.pop() !== pairs[part]) throw new Error(`a ${part} too many`)
  }
  if (open.length > 0) throw new Error(`${open.join('')} is not closed`)
}
