import type { Lab } from '../lab.js'
import { fillAnalytics } from './analytics-data.js'
import { inParallel, percentile } from './load.js'
import type { Row } from './phases.js'

const goalMs = 300
/** Of each route; every one asks for other days than the one before. */
const asked = 300
const warmUp = 20
const connections = 2
const dayMs = 86_400_000

const text = (at: number) => new Date(at).toISOString().slice(0, 10)

/** Days that end up to two years ago, of a month up to a year, as pages of statistics ask for them. */
function someDays(index: number): string {
  const to = Date.now() - ((index * 37) % 730) * dayMs
  const length = [30, 90, 180, 365][index % 4] ?? 30
  return `from=${text(to - length * dayMs)}&to=${text(to)}`
}

/** All there is: three years. */
const everything = (index: number) =>
  `from=${text(Date.now() - (1096 + (index % 20)) * dayMs)}&to=${text(Date.now() + dayMs)}`

const questions: readonly (readonly [path: string, query: (index: number) => string, of: string])[] = [
  ['/analytics/conversations', someDays, 'a month to a year'],
  ['/analytics/users', someDays, 'a month to a year'],
  ['/analytics/users', everything, 'three years'],
  ['/analytics/durations', someDays, 'a month to a year'],
  ['/analytics/durations', everything, 'three years'],
  ['/analytics/outcomes', someDays, 'a month to a year'],
  ['/analytics/outcomes', everything, 'three years'],
  ['/analytics/prewarm', someDays, 'a month to a year'],
  ['/analytics/prewarm', everything, 'three years'],
  ['/analytics/session-quality', someDays, 'a month to a year'],
  ['/analytics/session-quality', everything, 'three years'],
  ['/analytics/daily-recaps', () => 'limit=20', 'a page'],
]

interface AnalyticsBench extends Pick<Lab, 'apiUrl' | 'adminUrl'> {
  /** Of the leadership of the company that has a fifth of all rows. */
  token: string
}

/** Each analytics route over HTTP, asked by the largest company among so many conversations and as many calls. */
export async function analyticsReads(bench: AnalyticsBench, rows: number, say: (text: string) => void): Promise<Row[]> {
  await fillAnalytics({ adminUrl: bench.adminUrl, rows }, say)
  const measured: Row[] = []
  for (const [path, query, of] of questions) measured.push(...(await measure(bench, rows, { path, query, of })))
  return measured
}

async function measure(
  { apiUrl, token }: AnalyticsBench,
  rows: number,
  { path, query, of }: { path: string; query: (index: number) => string; of: string },
): Promise<Row[]> {
  const headers = { authorization: `Bearer ${token}` }
  const read = async (index: number) => {
    const answer = await fetch(`${apiUrl}${path}?${query(index)}`, { headers })
    if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
    await answer.arrayBuffer()
  }
  await inParallel({ connections, count: warmUp }, read)
  const reads = await inParallel({ connections, count: asked }, read)
  const [p50, p99] = [percentile(reads.latencies, 0.5), percentile(reads.latencies, 0.99)]
  const what = `${path}, ${of}, among ${rows.toLocaleString('en')} rows`
  return [
    { what: `${what}, p50`, value: `${p50.toFixed(1)} ms`, goal: '', ok: true },
    {
      what: `${what}, p99`,
      value: reads.errors === 0 ? `${p99.toFixed(1)} ms` : `${reads.errors} errors: ${reads.firstError}`,
      goal: `<= ${goalMs} ms`,
      ok: reads.errors === 0 && p99 <= goalMs,
    },
  ]
}
