import { z } from 'zod'
import type { Caller } from '../domain/identity.js'
import { idempotencyHeader, presentStart, startAnswer, startFailures } from './session-schema.js'
import type { SessionStarter, StartRequest } from './session-start.js'

const noStore = { 'Cache-Control': 'no-store' }

/** Headers of a start that may be asked for without waiting. */
export const startHeaders = idempotencyHeader.extend({ prefer: z.string().max(200).optional() })

/** What starting a session answers, whatever its mode. */
export const startResponses = {
  201: { description: 'Started', schema: startAnswer, headers: { Location: 'The session' } },
  200: {
    description: 'Started by an earlier request under the same key',
    schema: startAnswer,
    headers: { Location: 'The session', 'Idempotent-Replayed': '"true"' },
  },
  202: {
    description: 'Being started',
    schema: z.object({ session_id: z.string() }).meta({ id: 'AcceptedSession' }),
    headers: { Location: 'The session' },
  },
  ...startFailures,
} as const

interface Asked extends Omit<StartRequest, 'caller' | 'idempotencyKey'> {
  caller: Caller
  headers: z.output<typeof startHeaders>
}

/** Starts a session and answers with it, or at once where the caller does not wait. */
export async function answerStart(starter: SessionStarter, { headers, signal, ...request }: Asked) {
  const asked = { ...request, idempotencyKey: headers['idempotency-key'] }
  if (/\brespond-async\b/i.test(headers.prefer ?? '')) {
    const { sessionId: id } = await starter.begin(asked)
    return {
      status: 202 as const,
      headers: { ...noStore, Location: `/sessions/${id}`, 'Preference-Applied': 'respond-async' },
      body: { session_id: id },
    }
  }
  const { ready, ended, replayed } = await starter.start({ ...asked, signal })
  const location = { ...noStore, Location: `/sessions/${ready.sessionId}` }
  const answer = presentStart[asked.provider](ready, asked.caller, ended ? 'ended' : ready.status)
  if (!replayed) return { status: 201 as const, headers: location, body: answer }
  return { status: 200 as const, headers: { ...location, 'Idempotent-Replayed': 'true' }, body: answer }
}

interface FrontendStart extends Pick<StartRequest, 'address' | 'signal'> {
  caller: Caller | undefined
  headers: z.output<typeof idempotencyHeader>
}

type Ready = Awaited<ReturnType<SessionStarter['start']>>['ready']

/** Starts a conversation for a frontend that speaks with one provider, and whose users need not be known. */
export const frontendStarter =
  <Answer>(
    starter: SessionStarter,
    provider: StartRequest['provider'],
    present: (ready: Ready, caller: Caller | undefined, status: string) => Answer,
  ) =>
  async (
    { caller, address, signal, headers }: FrontendStart,
    {
      max_duration_seconds: maxDurationSeconds,
      ...request
    }: StartRequest['request'] & { max_duration_seconds?: number | undefined },
  ) => {
    const idempotencyKey = headers['idempotency-key']
    const asked = { caller, address, signal, idempotencyKey, provider, request, maxDurationSeconds }
    const { ready, ended, replayed } = await starter.start(asked)
    return {
      status: 200 as const,
      headers: { ...noStore, ...(replayed ? { 'Idempotent-Replayed': 'true' } : {}) },
      body: present(ready, caller, ended ? 'ended' : ready.status),
    }
  }
