import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { dispose, Room } from '@livekit/rtc-node'
import Table from 'cli-table3'
import { Command } from 'commander'
import { AccessToken } from 'livekit-server-sdk'
import { login, post } from '../bench/session-load.js'
import { startScratch, whole } from '../command.js'
import { type Lab, labPassword, startLab } from '../lab.js'
import { onDatabase } from '../postgres-roles.js'
import { terminalProgress } from '../progress.js'
import { findLivekit } from './binary.js'
import { type LivekitServer, startLivekit } from './server.js'

const { seconds } = new Command('livekit')
  .description(
    'Two real participants in a room of a real livekit-server: the call log must say completed, and how long.',
  )
  .option('--seconds <count>', 'how long both are in the room', whole(2, 120), 6)
  .parse()
  .opts<{ seconds: number }>()

interface Outcome {
  outcome: string | null
  duration_seconds: number | null
  ended_at: string | null
}

const progress = terminalProgress()
const { dataDir, supervisor, stop } = await startScratch({ name: 'livekit', progress })
let good: boolean
try {
  good = await run()
} finally {
  await dispose().catch(() => undefined)
  await stop()
}
process.exit(good ? 0 : 1)

async function run(): Promise<boolean> {
  const binary = await progress.step('livekit-server', (detail) => findLivekit(detail))
  const account = { key: 'devkey', secret: randomUUID() }
  const env = { LIVEKIT_API_KEY: account.key, LIVEKIT_WEBHOOK_SECRET: account.secret }
  const lab = await startLab({ dataDir, supervisor, progress, split: false, env })
  const webhookUrl = `${lab.apiUrl}/webhooks/livekit`
  const server = await startLivekit({ binary, dataDir, webhookUrl, account, supervisor })
  const token = await login(lab.apiUrl, 'rep@acme.test', labPassword)
  const room = `real-${randomUUID()}`
  const call = await post(
    `${lab.apiUrl}/calls`,
    { provider: 'livekit', external_id: room, direction: 'inbound', from: '+15005550010', to: '+15005550006' },
    { authorization: `Bearer ${token}` },
  )
  const held = await progress.step('two people talk', () => talk(server, room))
  const outcome = await progress.step('the room closes', () => untilOver(lab, String(call.id), token))
  await show(lab, room)
  const right = outcome.outcome === 'completed' && Math.abs((outcome.duration_seconds ?? 0) - held) <= 1
  process.stdout.write(
    `${JSON.stringify(outcome)}\nboth were in the room for ${held.toFixed(1)} s: ${right ? 'ok' : 'WRONG'}\n`,
  )
  return right
}

/** @returns how many seconds both were there */
async function talk(server: LivekitServer, room: string): Promise<number> {
  const people = [await join(server, room, 'caller'), await join(server, room, 'agent-on-duty')]
  const began = performance.now()
  await sleep(seconds * 1000)
  const held = (performance.now() - began) / 1000
  for (const person of people) await person.disconnect()
  return held
}

async function join(server: LivekitServer, room: string, identity: string): Promise<Room> {
  const token = new AccessToken(server.key, server.secret, { identity, ttl: '5m' })
  token.addGrant({ roomJoin: true, room })
  const person = new Room()
  await person.connect(server.url.replace('http', 'ws'), await token.toJwt(), { autoSubscribe: true, dynacast: false })
  return person
}

async function untilOver(lab: Lab, callId: string, token: string): Promise<Outcome> {
  const giveUpAt = Date.now() + 30_000
  for (;;) {
    const answer = await fetch(`${lab.apiUrl}/api/calls/${callId}/outcome`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const outcome = (await answer.json()) as Outcome
    const closed = await onDatabase(lab.adminUrl, (client) =>
      client.query(`select from livekit_call_events where call_id = $1 and event = 'room_finished'`, [callId]),
    )
    if (closed.rowCount) return outcome
    if (Date.now() > giveUpAt) throw new Error(`the room did not close: ${JSON.stringify(outcome)}`)
    await sleep(250)
  }
}

async function show(lab: Lab, room: string): Promise<void> {
  const { rows } = await onDatabase(lab.adminUrl, (client) =>
    client.query<{ event: string; who: string | null; at: Date }>(
      `select event, participant_identity as who, "createdAt" as at from livekit_call_events where room_name = $1
       order by "createdAt", received_at`,
      [room],
    ),
  )
  const table = new Table({ head: ['event', 'participant', 'at'], style: { head: [], border: [] } })
  for (const { event, who, at } of rows) table.push([event, who ?? '', at.toISOString()])
  process.stdout.write(`${table.toString()}\n`)
}
