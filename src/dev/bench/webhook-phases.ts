import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { seedCompanies } from '../seed.js'
import { onDatabase } from '../postgres-roles.js'
import { benchCompany, repeatsOneInTen, send, webhookOf } from './call-webhooks.js'
import { atRate, inParallel, type LoadResult, percentile } from './load.js'
import type { BenchStack, Row } from './phases.js'

const ms = (value: number) => `${value.toFixed(1)} ms`
const path = '/webhooks/callrail/call-complete'
const connections = 64

/** The company of the benchmark's calls. */
export async function prepareWebhooks(stack: BenchStack): Promise<void> {
  await sql(
    stack,
    `insert into integrations (tenant_id, provider, account) values ($1, 'callrail', $2) on conflict do nothing`,
    [seedCompanies.acme.id, benchCompany],
  )
}

/** A process that has just started interprets what it will soon have compiled: neither side is measured cold. */
export async function warmUp(stack: BenchStack): Promise<void> {
  const run = randomUUID()
  await atRate({ perSecond: 50, count: 500 }, async (index) => {
    await Promise.all([stack.floorUrl, stack.apiUrl + path].map((url) => sendTo(url, run, index)))
  })
}

/** Webhooks at a fixed rate, the floor first. */
export async function webhooksAtRate(
  stack: BenchStack,
  { perSecond, seconds, goals }: { perSecond: number; seconds: number; goals: { p50?: number; p99: number } },
): Promise<Row[]> {
  const load = { perSecond, count: perSecond * seconds }
  const floorRun = randomUUID()
  const floor = await atRate(load, (index) => sendTo(stack.floorUrl, floorRun, index))
  const said = new Map<string, number>()
  const run = randomUUID()
  const parley = await atRate(load, async (index) => {
    const answer = await send(stack.apiUrl + path, webhookOf(run, repeatsOneInTen(index)))
    said.set(answer.said, (said.get(answer.said) ?? 0) + 1)
  })
  const what = `webhooks at ${perSecond}/s`
  const timed = (share: number, goal: number | undefined): Row => ({
    what: `${what}, p${share * 100}`,
    value: ms(percentile(parley.latencies, share)),
    floor: ms(percentile(floor.latencies, share)),
    goal: goal === undefined ? '' : `<= ${goal} ms`,
    ok: goal === undefined || percentile(parley.latencies, share) <= goal,
  })
  const accepted = said.get('accepted') ?? 0
  const answers = [...said].map(([status, count]) => `${status} ${count}`).join(', ')
  return [
    timed(0.5, goals.p50),
    timed(0.99, goals.p99),
    errorsOf(what, parley),
    {
      what: `${what}, answers`,
      value: answers,
      goal: goals.p50 ? 'all processed' : '',
      ok: !goals.p50 || accepted === 0,
    },
  ]
}

/** A burst over 64 connections: how fast it is answered, and that none is lost. */
export async function burst(stack: BenchStack, count: number): Promise<Row[]> {
  const floorRun = randomUUID()
  const floor = await inParallel({ count, connections }, (index) => sendTo(stack.floorUrl, floorRun, index))
  const run = randomUUID()
  const parley = await inParallel({ count, connections }, (index) => sendTo(stack.apiUrl + path, run, index))
  const drainedMs = await untilProcessed(stack, 60_000)
  const ratio = perSecond(parley) / perSecond(floor)
  return [
    {
      what: `burst of ${count} over ${connections} connections, answers a second`,
      value: `${perSecond(parley).toFixed(0)} (${ratio.toFixed(2)} x floor)`,
      floor: perSecond(floor).toFixed(0),
      goal: '>= 1.2 x floor',
      ok: ratio >= 1.2,
    },
    errorsOf('burst', parley),
    await noneLost(stack, 'burst, events without their call', run, count, drainedMs),
  ]
}

/** As fast as 64 connections go, for a while: what is processed, by the time that everything is. */
export async function saturation(stack: BenchStack, seconds: number): Promise<Row[]> {
  const floorRun = randomUUID()
  const floor = await inParallel({ seconds, connections }, (index) => sendTo(stack.floorUrl, floorRun, index))
  const run = randomUUID()
  const parley = await inParallel({ seconds, connections }, (index) => sendTo(stack.apiUrl + path, run, index))
  const drainedMs = await untilProcessed(stack, 60_000)
  const processed = (parley.latencies.length * 1000) / (parley.elapsedMs + (drainedMs ?? Number.POSITIVE_INFINITY))
  const ratio = processed / perSecond(floor)
  const answered = perSecond(parley)
  return [
    {
      what: `saturated for ${seconds} s, answers a second`,
      value: `${answered.toFixed(0)} (${(answered / perSecond(floor)).toFixed(2)} x floor)`,
      floor: perSecond(floor).toFixed(0),
      goal: '',
      ok: true,
    },
    {
      what: 'saturated, processed a second until nothing is left',
      value: `${processed.toFixed(0)} (${ratio.toFixed(2)} x floor)`,
      floor: perSecond(floor).toFixed(0),
      goal: '>= 0.75 x floor',
      ok: ratio >= 0.75,
    },
    errorsOf('saturated', parley),
    await noneLost(stack, 'saturated, events without their call', run, parley.sent, drainedMs),
  ]
}

/** Reads of outcomes among a million calls. */
export async function outcomeReads(stack: BenchStack, calls: number): Promise<Row[]> {
  const ids = await seedCalls(stack, calls)
  const load = { perSecond: 50, count: 1000 }
  const headers = { authorization: `Bearer ${stack.token}` }
  const read = async (index: number) => {
    const answer = await fetch(`${stack.apiUrl}/api/calls/${ids[index % ids.length]}/outcome`, { headers })
    if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
    await answer.arrayBuffer()
  }
  await atRate({ perSecond: 50, count: 100 }, read)
  const reads = await atRate(load, read)
  const p99 = percentile(reads.latencies, 0.99)
  return [
    {
      what: `outcome read at 50/s among ${calls} calls, p50`,
      value: ms(percentile(reads.latencies, 0.5)),
      goal: '',
      ok: true,
    },
    { what: `outcome read at 50/s among ${calls} calls, p99`, value: ms(p99), goal: '< 20 ms', ok: p99 < 20 },
    errorsOf('outcome read', reads),
  ]
}

async function sendTo(url: string, run: string, index: number): Promise<void> {
  await send(url, webhookOf(run, repeatsOneInTen(index)))
}

const perSecond = (load: LoadResult) => (load.latencies.length * 1000) / load.elapsedMs

const errorsOf = (what: string, load: LoadResult): Row => ({
  what: `${what}, errors`,
  value: load.errors === 0 ? `0 of ${load.sent}` : `${load.errors} of ${load.sent}: ${load.firstError}`,
  goal: '0',
  ok: load.errors === 0,
})

async function noneLost(
  stack: BenchStack,
  what: string,
  run: string,
  sent: number,
  drainedMs: number | undefined,
): Promise<Row> {
  const wanted = new Set<string>()
  for (let index = 0; index < sent; index++) wanted.add(callIdOf(run, repeatsOneInTen(index)))
  const { rows } = await sql<{ n: string }>(
    stack,
    `select count(*) as n from call_logs where provider = 'callrail' and external_id = any($1) and outcome = 'completed'`,
    [[...wanted]],
  )
  const missing = wanted.size - Number(rows[0]?.n ?? 0)
  const after = drainedMs === undefined ? 'never within a minute' : `after ${(drainedMs / 1000).toFixed(1)} s`
  return {
    what,
    value: `${missing} of ${wanted.size}, ${after}`,
    goal: '0',
    ok: missing === 0 && drainedMs !== undefined,
  }
}

const callIdOf = (run: string, index: number) =>
  (JSON.parse(webhookOf(run, index).body) as { resource_id: string }).resource_id

/** Milliseconds until no receipt is open; undefined when that takes longer than the limit. */
async function untilProcessed(stack: BenchStack, limitMs: number): Promise<number | undefined> {
  const began = performance.now()
  while (performance.now() - began < limitMs) {
    const { rows } = await sql<{ open: boolean }>(
      stack,
      `select exists (select from webhook_receipts where status in ('received', 'waiting')) as open`,
    )
    if (rows[0]?.open === false) return performance.now() - began
    await sleep(100)
  }
  return undefined
}

/** @returns ids of calls that lie far apart */
async function seedCalls(stack: BenchStack, count: number): Promise<string[]> {
  await sql(
    stack,
    `insert into call_logs (company_id, provider, external_id, direction, status, outcome, duration_seconds, started_at, ended_at)
     select $1, 'twilio', 'CAbench' || n, 'inbound', 'ended', 'completed', n % 600, now() - n * interval '1 second',
       now() - n * interval '1 second' + interval '60 seconds' from generate_series(1, $2::int) as n`,
    [seedCompanies.acme.id, count],
  )
  await sql(stack, 'analyze call_logs')
  const { rows } = await sql<{ id: string }>(stack, 'select id from call_logs tablesample system (1) limit 1000')
  return rows.map(({ id }) => id)
}

const sql = <T extends object>(stack: BenchStack, text: string, values: unknown[] = []) =>
  onDatabase(stack.adminUrl, (client) => client.query<T & Record<string, unknown>>(text, values))
