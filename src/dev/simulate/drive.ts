import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { onDatabase } from '../postgres-roles.js'
import { seedCompanies, seedUsers } from '../seed.js'
import { insist, patiently } from './patient.js'
import type { PlannedAction } from './plan.js'

export interface DriveOptions {
  apiUrl: string
  simulatorUrl: string
  adminUrl: string
  password: string
  onProgress: (done: number) => void
}

/** Lets the day happen; answers what could not be brought about. */
export async function driveDay(actions: readonly PlannedAction[], options: DriveOptions): Promise<string[]> {
  const began = Date.now()
  const { apiUrl, password } = options
  const login = { email: seedUsers.acmeRep.email, password }
  const token = String((await insist(`${apiUrl}/auth/login`, { body: login })).token)
  const failures: string[] = []
  const known: Known = { callId: undefined, token }
  let done = 0
  await Promise.all(
    actions.map(async (action) => {
      await sleep(Math.max(0, began + action.atMs - Date.now()))
      await perform(action, options, known).catch((error: unknown) => {
        failures.push(`${action.do}: ${error instanceof Error ? error.message : String(error)}`)
      })
      options.onProgress(++done)
    }),
  )
  return failures
}

interface Known {
  /** The call that was made last. */
  callId: string | undefined
  token: string
}

async function perform(action: PlannedAction, options: DriveOptions, known: Known): Promise<void> {
  const send = (life: object) => insist(`${options.simulatorUrl}/__sim/webhooks/${action.do}`, { body: life })
  switch (action.do) {
    case 'livekit':
      return void (await send({ ...action.life, ...(await makeCall(action.life, options, known)) }))
    case 'elevenlabs': {
      const conversation_id = `conv_${randomUUID().replaceAll('-', '')}`
      await knowConversation(options.adminUrl, conversation_id)
      return void (await send({ ...action.life, conversation_id }))
    }
    case 'uwc':
      return void (await send({ ...action.life, ...subjectOf(action.about, known) }))
    default:
      return void (await send(action.life))
  }
}

/** A rep makes the call first; half of the rooms carry its id, the others are found by their name. */
async function makeCall({ room, participant }: Record<string, unknown>, options: DriveOptions, known: Known) {
  const call = {
    provider: 'livekit',
    external_id: room,
    direction: 'outbound',
    from: '+15005550006',
    to: '+15005550010',
  }
  const { token } = known
  const asked = { token, key: randomUUID(), body: { ...call, metadata: { participant } } }
  const { status, body } = await patiently(`${options.apiUrl}/calls`, asked)
  // 409: made by an earlier try whose answer was lost.
  if (status >= 300 && status !== 409) throw new Error(`/calls answered ${status}: ${JSON.stringify(body)}`)
  const id = [body.call_id, body.id].find((value) => typeof value === 'string')
  known.callId = id ?? known.callId
  return id !== undefined && Math.abs(hash(String(room))) % 2 === 0 ? { call_id: id } : {}
}

const hash = (text: string) => [...text].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) | 0, 7)

const subjectOf = (about: 'call' | 'rep', { callId }: Known) =>
  about === 'rep' || callId === undefined ? { rep_id: seedUsers.acmeRep.id } : { call_id: callId }

const patienceMs = 60_000

/** A scripted life begins without a start: the row of its session is written as the store would. */
async function knowConversation(adminUrl: string, conversationId: string): Promise<void> {
  const giveUpAt = Date.now() + patienceMs
  for (;;) {
    try {
      return await onDatabase(adminUrl, async (client) => {
        await client.query(
          `insert into conversations_users (session_id, user_id, company_id, conversation_type_id,
             external_conversation_id, status, created_at, facts)
           values ($1, $2, $3, 2, $4, 'active', now(), jsonb_build_object('createdAt', now()))
           on conflict do nothing`,
          [randomUUID(), seedUsers.acmeRep.id, seedCompanies.acme.id, conversationId],
        )
      })
    } catch (error) {
      if (Date.now() > giveUpAt) throw error
      await sleep(500)
    }
  }
}
