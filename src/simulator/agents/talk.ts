import type { Script } from '../webhooks/event.js'
import {
  audioWebhook,
  begun,
  elevenlabsSchema,
  expectedOf,
  finished,
  processing,
  webhook,
} from '../webhooks/elevenlabs.js'

/** An address at which one talk with an agent can begin, and the talk. Times are epoch milliseconds. */
export interface Talk {
  id: string
  agentId: string
  /** What makes the address worth having; good once. */
  signature: string
  /** The client was told the id, in the address or beside it. */
  named: 'address' | 'beside' | null
  issuedAt: number
  expiresAt: number
  connectedAt: number | null
  endedAt: number | null
  endedBy: Ending | null
  maxSeconds: number
  audio: boolean
  variables: Record<string, unknown>
}

/** Who put an end to a talk; `failure` is the provider's. */
export const endings = ['caller', 'agent', 'max_duration', 'failure'] as const
export type Ending = (typeof endings)[number]

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
const wholeSecond = (ms: number) => Math.floor(ms / 1000) * 1000

/** What really happened. */
export function presentTalk(talk: Talk) {
  const { connectedAt, endedAt } = talk
  return {
    conversation_id: talk.id,
    agent_id: talk.agentId,
    status: connectedAt === null ? ('issued' as const) : endedAt === null ? ('active' as const) : ('ended' as const),
    issued_at: iso(talk.issuedAt),
    expires_at: iso(talk.expiresAt),
    joined_at: iso(connectedAt),
    ended_at: iso(endedAt),
    ended_by: talk.endedBy,
    duration_seconds: connectedAt === null || endedAt === null ? null : (endedAt - connectedAt) / 1000,
    dynamic_variables: talk.variables,
  }
}

export type TalkTruth = ReturnType<typeof presentTalk>

const known = ({ id, agentId }: Talk) => ({
  agent_id: agentId,
  agent_name: 'Interviewer',
  conversation_id: id,
  user_id: null,
})

/** As GET answers while they talk; nobody knows it before. */
export const running = (talk: Talk): Record<string, unknown> | undefined =>
  talk.connectedAt === null ? undefined : { ...known(talk), ...begun(talk.connectedAt) }

/** What follows the end: the states that the API tells, and the webhooks. */
export function aftermath(talk: Talk, waits: { doneMs: number; webhookMs: () => number }): Script {
  const { id, agentId: agent, endedAt, endedBy, variables } = talk
  const connectedAt = talk.connectedAt ?? talk.issuedAt
  const end = endedAt ?? connectedAt
  const life = elevenlabsSchema.parse({
    result: endedBy === 'failure' ? 'failed' : 'done',
    duration_seconds: Math.round((end - connectedAt) / 1000),
    audio: talk.audio,
    dynamic_variables: variables,
  })
  const done = { ...known(talk), ...finished(life, wholeSecond(connectedAt)) }
  // Sent by the end of the analysis, and the recording by itself: either may come first.
  const webhooks = [
    webhook('post_call_transcription', id, end + waits.doneMs, done),
    ...(talk.audio ? [audioWebhook(life, { id, agent, endedAt: end })] : []),
  ]
  return {
    steps: webhooks.map((one) => ({ afterMs: waits.doneMs + waits.webhookMs(), webhook: one })),
    subjects: [
      {
        externalId: id,
        expected: expectedOf(life, 'post_call_transcription'),
        timeline: [
          { afterMs: 0, state: { ...known(talk), ...begun(connectedAt), ...processing } },
          { afterMs: waits.doneMs, state: done },
        ],
      },
    ],
  }
}
