import type { Supervisor } from '../supervisor.js'

export interface Kill {
  /** Share of the sessions done when it happens. */
  at: number
  part: 'api' | 'worker' | 'postgres'
  /** SIGKILL takes a process without a word; SIGINT restarts PostgreSQL as an operator would. */
  signal: 'SIGKILL' | 'SIGINT'
}

export const kills: Kill[] = [
  { at: 0.15, part: 'worker', signal: 'SIGKILL' },
  { at: 0.35, part: 'api', signal: 'SIGKILL' },
  { at: 0.55, part: 'postgres', signal: 'SIGINT' },
  { at: 0.75, part: 'worker', signal: 'SIGKILL' },
]

/** Ends a part; the supervisor brings it up again. */
export function killPart(supervisor: Supervisor, { part, signal }: Kill): void {
  // Of a foreign program the last process is the program itself, the first its holder.
  const target = supervisor.processes(part).at(-1)
  if (!target) throw new Error(`${part} does not run`)
  process.kill(target.pid, signal)
}

const refused = ['create', 'end', 'get', 'list', 'signed_url', 'elevenlabs']
const unanswered = ['create', 'end', 'signed_url', 'elevenlabs']

/** The providers' bad days: refusals, answers lost after their effect, callbacks lost, doubled and out of order. */
export async function setFaults(simulatorUrl: string): Promise<void> {
  const faults = [
    ...refused.map((operation) => ({ operation, kind: 'status', status: 503, rate: 0.1 })),
    ...unanswered.map((operation) => ({ operation, kind: 'lost_answer', rate: 0.1 })),
    ...[{ operation: 'callback' }, { operation: 'webhook', provider: 'elevenlabs' }].flatMap((news) => [
      { ...news, kind: 'lost', rate: 0.05 },
      { ...news, kind: 'duplicate', rate: 0.1 },
      { ...news, kind: 'reorder', rate: 0.1, delay_ms: 2000 },
    ]),
  ]
  for (const fault of faults) await send(`${simulatorUrl}/__sim/faults`, fault)
  await send(`${simulatorUrl}/__sim/config`, { join_delay_ms: [500, 2500], transcript_delay_ms: 300 })
}

async function send(url: string, body: unknown): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`)
}
