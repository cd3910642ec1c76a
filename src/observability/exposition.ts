/** One line of an exposition in the text format of Prometheus. */
export interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

/** A metric with its samples; those of a histogram or summary stand under the metric's own name. */
export interface Family {
  name: string
  type: string
  help: string
  samples: Sample[]
}

const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.*)$/
const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+([+-]?(?:\d[\d.]*(?:e[+-]?\d+)?|Inf)|NaN)(?:\s+\d+)?$/i
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/gy
const partOf = /^(.*)_(?:bucket|sum|count)$/

/**
 * Reads an exposition.
 * @throws Error naming the line that is none
 */
export function parseExposition(text: string): Family[] {
  const families = new Map<string, Family>()
  const family = (name: string): Family => {
    const known = families.get(name) ?? { name, type: 'untyped', help: '', samples: [] }
    families.set(name, known)
    return known
  }
  text.split('\n').forEach((written, index) => {
    const content = written.trim()
    if (content === '') return
    if (content.startsWith('#')) {
      const [, kind, name = '', rest = ''] = comment.exec(content) ?? []
      if (kind === 'TYPE') family(name).type = rest
      if (kind === 'HELP') family(name).help = rest
      return
    }
    const sample = sampleOf(content)
    if (!sample) throw new Error(`line ${index + 1} is no sample: ${content.slice(0, 80)}`)
    const whole = partOf.exec(sample.name)?.[1]
    const owner = whole !== undefined && families.has(whole) && !families.has(sample.name) ? whole : sample.name
    family(owner).samples.push(sample)
  })
  return [...families.values()]
}

function sampleOf(content: string): Sample | undefined {
  const [, name, labels = '', value] = line.exec(content) ?? []
  if (name === undefined || value === undefined) return undefined
  const read = [...labels.matchAll(label)]
  if (read.reduce((length, [all]) => length + all.length, 0) !== labels.length) return undefined
  return {
    name,
    labels: Object.fromEntries(read.map(([, key = '', text = '']) => [key, unescaped(text)])),
    value: numberOf(value),
  }
}

const unescaped = (text: string) => text.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))

function numberOf(text: string): number {
  if (/inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  return Number(text)
}
