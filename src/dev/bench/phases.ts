import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { onDatabase } from '../postgres-roles.js'
import { send, webhookOf } from './call-webhooks.js'
import { atRate, type LoadResult, percentile } from './load.js'
import { cpuMs, residentMib } from './machine.js'
import { createDirectly, post, startSession } from './session-load.js'

export interface BenchStack {
  apiUrl: string
  simulatorUrl: string
  floorUrl: string
  adminUrl: string
  token: string
  /** Ids of the processes by part. */
  pids: Record<string, number[]>
}

export interface Row {
  what: string
  value: string
  goal: string
  ok: boolean
  floor?: string
}

/** Within this time the provider has called back that the avatars of the warm-up joined. */
const settleMs = 8000

const ms = (value: number) => `${value.toFixed(1)} ms`

/** Time that Parley adds to a start: the difference of the percentiles, both sides measured at the same rate. */
export async function startLatency(stack: BenchStack, seconds: number): Promise<Row[]> {
  const load = { perSecond: 10, count: 10 * seconds }
  const direct = () => createDirectly(stack.simulatorUrl).then(() => undefined)
  const started = () => startSession(stack.apiUrl, stack.token).then(() => undefined)
  // A process that has just started interprets what it will soon have compiled: neither side is measured cold.
  await atRate({ perSecond: 10, count: 100 }, async () => {
    await Promise.all([direct(), started()])
  })
  await sleep(settleMs)
  const floor = await atRate(load, direct)
  const parley = await atRate(load, started)
  return [
    added('start at 10/s, added p50', parley, floor, 0.5, 60),
    added('start at 10/s, added p95', parley, floor, 0.95, 150),
    errorsOf('start at 10/s, errors', parley),
  ]
}

function added(what: string, parley: LoadResult, floor: LoadResult, share: number, limitMs: number): Row {
  const [ours, theirs] = [percentile(parley.latencies, share), percentile(floor.latencies, share)]
  return { what, value: ms(ours - theirs), goal: `<= ${limitMs} ms`, ok: ours - theirs <= limitMs, floor: ms(theirs) }
}

const errorsOf = (what: string, load: LoadResult): Row => ({
  what,
  value: load.errors === 0 ? `0 of ${load.sent}` : `${load.errors} of ${load.sent}: ${load.firstError}`,
  goal: '0',
  ok: load.errors === 0,
})

/** A minute at 30 starts a second, and then more of the same until enough sessions are open. */
export async function manySessions(
  stack: BenchStack,
  { minuteSeconds, open }: { minuteSeconds: number; open: number },
): Promise<Row[]> {
  const start = () => startSession(stack.apiUrl, stack.token).then(() => undefined)
  const minute = await atRate({ perSecond: 30, count: 30 * minuteSeconds }, start)
  const already = await openSessions(stack.adminUrl)
  const rest = await atRate({ perSecond: 30, count: Math.max(0, open - already) }, start)
  await sleep(5000)
  const memory = Math.max(...(stack.pids.app ?? []).map(residentMib))
  const now = await openSessions(stack.adminUrl)
  return [
    errorsOf(`start at 30/s for ${minuteSeconds} s, errors`, minute),
    {
      what: 'start at 30/s, p50 / p95',
      value: `${ms(percentile(minute.latencies, 0.5))} / ${ms(percentile(minute.latencies, 0.95))}`,
      goal: '',
      ok: true,
    },
    errorsOf('opening the rest, errors', rest),
    {
      what: `${now} open sessions, memory of API and worker`,
      value: `${memory} MiB`,
      goal: '<= 1200 MiB',
      ok: memory <= 1200 && now >= open,
    },
  ]
}

async function openSessions(adminUrl: string): Promise<number> {
  const { rows } = await onDatabase(adminUrl, (client) =>
    client.query<{ n: string }>('select count(*) as n from conversations_users where ended_at is null'),
  )
  return Number(rows[0]?.n ?? 0)
}

/** Callbacks as Tavus sends them, to sessions that are open. */
export async function callbacks(stack: BenchStack, seconds: number): Promise<Row[]> {
  const load = { perSecond: 50, count: 50 * seconds }
  const targets = await callbackTargets(stack)
  const run = randomUUID()
  const floor = await atRate(load, (index) => send(stack.floorUrl, webhookOf(run, index)).then(() => undefined))
  const statuses = new Map<string, number>()
  const parley = await atRate(load, async (index) => {
    const target = targets[index % targets.length]
    if (!target) throw new Error('no session is open')
    const { status } = await post(target.callbackUrl, perception(target.conversationId, index))
    statuses.set(String(status), (statuses.get(String(status)) ?? 0) + 1)
  })
  const at = (result: LoadResult, share: number) => percentile(result.latencies, share)
  return [
    { what: 'callback at 50/s, p50', value: ms(at(parley, 0.5)), goal: '', ok: true, floor: ms(at(floor, 0.5)) },
    {
      what: 'callback at 50/s, p99',
      value: ms(at(parley, 0.99)),
      goal: '< 100 ms',
      ok: at(parley, 0.99) < 100,
      floor: ms(at(floor, 0.99)),
    },
    errorsOf('callback at 50/s, errors', parley),
    {
      what: 'callback answers',
      value: [...statuses].map(([status, count]) => `${status} ${count}`).join(', '),
      goal: '',
      ok: true,
    },
  ]
}

const perception = (conversationId: string, index: number) => ({
  message_type: 'application',
  event_type: 'application.perception_analysis',
  conversation_id: conversationId,
  timestamp: new Date(Date.now() - 1000 + index / 1000)
    .toISOString()
    .replace('Z', `${String(index % 1000).padStart(3, '0')}Z`),
  properties: { analysis: 'The user smiled and looked at the camera. '.repeat(8) },
})

async function callbackTargets(stack: BenchStack): Promise<{ conversationId: string; callbackUrl: string }[]> {
  const { rows } = await onDatabase(stack.adminUrl, (client) =>
    client.query<{ id: string }>(
      'select external_conversation_id as id from conversations_users where ended_at is null limit 300',
    ),
  )
  const targets = await Promise.all(
    rows.map(async ({ id }) => {
      const answer = await fetch(`${stack.simulatorUrl}/__sim/conversations/${id}`)
      const { callback_url } = (await answer.json()) as { callback_url: string }
      return { conversationId: id, callbackUrl: callback_url }
    }),
  )
  return targets
}

/** What everything costs while nobody calls. */
export async function idle(stack: BenchStack, seconds: number): Promise<Row[]> {
  const before = await idleSample(stack)
  await sleep(seconds * 1000)
  const after = await idleSample(stack)
  const rows: Row[] = Object.keys(stack.pids).map((part) => {
    const percent = ((after.cpu[part] ?? 0) - (before.cpu[part] ?? 0)) / (seconds * 10)
    return {
      what: `idle, ${part}`,
      value: `${percent.toFixed(1)} % of a core`,
      goal: part === 'app' ? '< 5 %' : '',
      ok: part !== 'app' || percent < 5,
    }
  })
  const queries = (after.commits - before.commits - 1) / seconds
  rows.push({ what: 'idle, transactions a second', value: queries.toFixed(2), goal: '< 2', ok: queries < 2 })
  return rows
}

async function idleSample(stack: BenchStack) {
  const cpu = Object.fromEntries(
    Object.entries(stack.pids).map(([part, pids]) => [part, pids.reduce((sum, pid) => sum + cpuMs(pid), 0)]),
  )
  const { rows } = await onDatabase(stack.adminUrl, (client) =>
    client.query<{ n: string }>(
      'select xact_commit + xact_rollback as n from pg_stat_database where datname = current_database()',
    ),
  )
  return { cpu, commits: Number(rows[0]?.n ?? 0) }
}
