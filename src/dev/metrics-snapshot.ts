import { join } from 'node:path'
import Table from 'cli-table3'
import { type Family, parseExposition, type Sample } from '../observability/exposition.js'
import { childEnvironment } from './environment.js'
import { lastApiPort } from './checkout-ports.js'

const usage = `npm run metrics:snapshot [-- URL] [--format=table|json] [--all]

Shows what /metrics of a running Parley says now. URL is its address (http://127.0.0.1:8000) or the address of its
metrics; without one it is that of the last npm start here. --all: the process's own and the engine's metrics, too.
`

const timeoutMs = 10_000

interface Options {
  url: URL
  format: 'table' | 'json'
  all: boolean
}

/** What a person got wrong on the command line. */
class UsageError extends Error {}

function optionsOf(args: readonly string[]): Options {
  const options: Options = { url: addressOf(undefined), format: 'table', all: false }
  let given: string | undefined
  for (const arg of args) {
    if (arg === '--all') options.all = true
    else if (arg.startsWith('--format=')) options.format = formatOf(arg.slice('--format='.length))
    else if (arg.startsWith('-')) throw new UsageError(`there is no option ${arg}`)
    else if (given !== undefined) throw new UsageError(`one URL is enough: ${arg} is a second one`)
    else options.url = addressOf((given = arg))
  }
  return options
}

function formatOf(format: string): Options['format'] {
  if (format === 'table' || format === 'json') return format
  throw new UsageError(`--format must be table or json, not "${format}"`)
}

function addressOf(given: string | undefined): URL {
  const text = given ?? `http://127.0.0.1:${portHere()}`
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new UsageError(`"${text}" is no http or https URL`)
  const url = new URL(text)
  if (url.pathname === '/') url.pathname = '/metrics'
  return url
}

function portHere(): string | number {
  const { PORT, PARLEY_DATA_DIR } = childEnvironment()
  return PORT?.trim() || lastApiPort(join(PARLEY_DATA_DIR?.trim() || '.parley', 'ports.json')) || 8000
}

async function fetchMetrics(url: URL): Promise<string> {
  const shown = `${url.origin}${url.pathname}`
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch((error: unknown) => {
    const { cause, message } = error as Error & { cause?: { code?: string; message?: string } }
    throw new Error(`${shown} cannot be reached: ${cause?.code ?? cause?.message ?? message}; does Parley run there?`)
  })
  if (answer.status !== 200) throw new Error(`${shown} answered ${answer.status}: these are no metrics`)
  return await answer.text()
}

/** Of a histogram only what a person wants to know: how many, and how long on average. */
const isShown = ({ name }: Sample) => !name.endsWith('_bucket')

function rowsOf(family: Family): string[][] {
  if (family.type !== 'histogram')
    return family.samples.map((sample) => [family.name, labelsOf(sample), String(round(sample.value))])
  const sums = family.samples.filter(({ name }) => name.endsWith('_sum'))
  return sums.map((sum) => {
    const labels = labelsOf(sum)
    const count = family.samples.find((one) => one.name.endsWith('_count') && labelsOf(one) === labels)?.value ?? 0
    return [family.name, labels, count === 0 ? 'none' : `${count} of ${round(sum.value / count)} on average`]
  })
}

const labelsOf = ({ labels }: Sample) =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
const round = (value: number) => Math.round(value * 1000) / 1000

function tableOf(families: readonly Family[]): string {
  const table = new Table({ head: ['metric', 'labels', 'value'], style: { head: [], border: [], compact: true } })
  table.push(...families.flatMap(rowsOf))
  return table.toString()
}

const jsonOf = (url: URL, families: readonly Family[]) =>
  JSON.stringify(
    {
      at: new Date().toISOString(),
      url: `${url.origin}${url.pathname}`,
      metrics: families.map(({ samples, ...family }) => ({ ...family, samples: samples.filter(isShown) })),
    },
    null,
    2,
  )

const ofProcess = /^(?:process|nodejs|temporal)_/

/** @returns the exit status: 2 for a command line that cannot be meant, 1 for what cannot be reached or read */
export async function metricsSnapshot(
  args: readonly string[],
  { out, err }: { out: (text: string) => void; err: (text: string) => void },
): Promise<number> {
  try {
    if (args.includes('--help') || args.includes('-h')) return (out(usage), 0)
    const { url, format, all } = optionsOf(args)
    const families = parseExposition(await fetchMetrics(url)).filter(({ name }) => all || !ofProcess.test(name))
    out(format === 'json' ? jsonOf(url, families) : tableOf(families))
    return 0
  } catch (error) {
    err(`metrics:snapshot: ${error instanceof Error ? error.message : String(error)}`)
    if (!(error instanceof UsageError)) return 1
    err(usage)
    return 2
  }
}
