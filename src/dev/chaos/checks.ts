import type pg from 'pg'
import type { TalkTruth } from '../../simulator/agents/talk.js'
import type { DrivenSession } from './driver.js'

export interface TruthRow {
  conversation_id: string
  conversation_name: string | null
  status: string
  created_at: string
  joined_at: string | null
  ended_at: string | null
  duration_seconds: number | null
}

export interface Check {
  name: string
  /** How many cases break the rule; none may. */
  broken: number
  of: number
  examples: string[]
}

interface Row {
  session_id: string
  external_conversation_id: string
  status: string
  ended_at: Date | null
  duration_seconds: number | null
  end_reason: string | null
}

const markOf = (name: string | null) => /parley:[0-9a-f]{8}:[0-9a-f-]{36}/.exec(name ?? '')?.[0]

/** The simulator's own log of what really happened. */
export async function readTruth(simulatorUrl: string): Promise<TruthRow[]> {
  const [rooms, talks] = await Promise.all([
    read<TruthRow>(`${simulatorUrl}/__sim/conversations?summary=true`),
    read<TalkTruth>(`${simulatorUrl}/__sim/agents`),
  ])
  return [...rooms, ...talks.filter(({ status }) => status !== 'issued').map(rowOf)]
}

async function read<Row>(url: string): Promise<Row[]> {
  const answer = await fetch(url)
  return ((await answer.json()) as { conversations: Row[] }).conversations
}

/** A talk began when somebody connected: an address that nobody used is none. */
const rowOf = ({ issued_at, ...talk }: TalkTruth): TruthRow => ({
  ...talk,
  conversation_name: null,
  created_at: String(issued_at),
})

const check = (name: string, of: number, broken: string[]): Check => ({
  name,
  of,
  broken: broken.length,
  examples: broken.slice(0, 5),
})

/** Compares the database with the truth, case by case. */
export async function checkSessions(database: pg.Client, truth: TruthRow[], driven: DrivenSession[]): Promise<Check[]> {
  const rows = (
    await database.query<Row>(
      'select session_id, external_conversation_id, status, ended_at, duration_seconds, end_reason from conversations_users',
    )
  ).rows
  const byConversation = new Map(rows.map((row) => [row.external_conversation_id, row]))
  const running = truth.filter((row) => row.status !== 'ended').map((row) => row.conversation_id)
  const names = new Map<string, number>()
  for (const row of truth)
    names.set(
      markOf(row.conversation_name) ?? row.conversation_id,
      (names.get(markOf(row.conversation_name) ?? row.conversation_id) ?? 0) + 1,
    )
  const twice = [...names].filter(([, count]) => count > 1).map(([name, count]) => `${name} ${count} times`)
  const missing = driven
    .filter((session) => !byConversation.has(session.conversationId))
    .map((session) => session.sessionId)
  const unended = rows
    .filter((row) => !row.ended_at || row.duration_seconds === null || !row.end_reason)
    .map((row) => `${row.session_id} ${row.status}`)
  const wrong = truth.flatMap((row) => wrongDuration(row, byConversation.get(row.conversation_id)))
  return [
    check('conversations left running', truth.length, running),
    check('sessions created twice', names.size, twice),
    check('sessions without a row', driven.length, missing),
    check('rows without end, duration or reason', rows.length, unended),
    check('durations off by more than 1 s', truth.length, wrong),
    ...(await checkTraces(database, rows.length)),
  ]
}

function wrongDuration(truth: TruthRow, row: Row | undefined): string[] {
  if (!row || truth.duration_seconds === null || row.duration_seconds === null) return []
  const off = Math.abs(row.duration_seconds - truth.duration_seconds)
  return off > 1 ? [`${row.session_id} row ${row.duration_seconds} s, truth ${truth.duration_seconds} s`] : []
}

async function checkTraces(database: pg.Client, sessions: number): Promise<Check[]> {
  const counted = async (text: string) =>
    (await database.query<{ example: string }>(text)).rows.map((row) => row.example)
  const events = await counted(
    `select session_id || ' ' || event || ' ' || count(*) as example from event_logs
     where event in ('session.started', 'session.ended') group by session_id, event having count(*) <> 1`,
  )
  const silent = await counted(
    `select session_id::text as example from conversations_users c where not exists
     (select from event_logs e where e.session_id = c.session_id and e.event = 'session.ended')`,
  )
  const stuck = await counted(
    `select id || ' ' || status as example from webhook_receipts where status in ('received', 'waiting', 'failed')`,
  )
  const receipts = Number(
    (await database.query<{ n: string }>('select count(*) as n from webhook_receipts')).rows[0]?.n ?? 0,
  )
  return [
    check('session events doubled', sessions, events),
    check('sessions without an ended event', sessions, silent),
    check('webhooks not processed', receipts, stuck),
  ]
}
