import { endsOnRequest, outcomeOf, type SessionFacts, type SessionOutcome } from '../src/domain/session.js'
import type { EndedSession, SessionInput } from './messages.js'
import type { SessionMessages } from './session-messages.js'

/** Between two questions about a conversation that nobody can end. */
const longestPauseMs = 60_000

/** When it must be over, in ms since the epoch: its maximum and the grace after the beginning, or after the last moment for one. */
export function longestEnd(
  { maxSeconds, limits }: SessionInput,
  facts: SessionFacts,
  messages: SessionMessages,
): number {
  const longestMs = maxSeconds * 1000 + limits.maxGraceMs
  const createdAt = facts.createdAt === undefined ? Date.now() : Date.parse(facts.createdAt)
  if (limits.joinMs === undefined) return createdAt + longestMs
  return Math.min(createdAt + limits.joinMs, messages.joinedAt ?? Infinity) + longestMs
}

/** An address that has expired begins nothing: some seconds later the provider knows for certain. Milliseconds. */
const joinSlackMs = 6000

/** When to ask whether it has begun at all, in ms since the epoch; undefined where there is nothing to ask. */
export function joinCheckAt({ limits }: SessionInput, facts: SessionFacts, messages: SessionMessages) {
  if (limits.joinMs === undefined || messages.has('participant_joined')) return undefined
  return (facts.createdAt === undefined ? Date.now() : Date.parse(facts.createdAt)) + limits.joinMs + joinSlackMs
}

/** Nobody can end it, and the provider has not said that it is over. */
const mayRunOn = ({ provider }: SessionInput, messages: SessionMessages) =>
  !endsOnRequest[provider] && !messages.has('shutdown')

/** Until when artefacts are waited for; what may run on is waited for as long as it may last. */
export function artifactDeadline(input: SessionInput, facts: SessionFacts, messages: SessionMessages): number {
  const deadline = Date.now() + input.limits.artifactWaitMs
  return mayRunOn(input, messages) ? Math.max(deadline, longestEnd(input, facts, messages)) : deadline
}

/** Ever more seldom; while it may run on, never more seldom than once a minute. */
export const nextPause = (pauseMs: number, input: SessionInput, messages: SessionMessages): number =>
  mayRunOn(input, messages) ? Math.min(2 * pauseMs, Math.max(pauseMs, longestPauseMs)) : 2 * pauseMs

/** The end as it is answered: by the row, else by what the workflow itself knows. */
export function endedSession(
  named: Pick<EndedSession, 'sessionId' | 'conversationId'>,
  facts: SessionFacts,
  recorded: { outcome: SessionOutcome; tracked: boolean } | undefined,
): EndedSession {
  const outcome = recorded?.outcome ?? outcomeOf(facts)
  return {
    ...named,
    status: outcome.status,
    endedAt: outcome.endedAt ?? null,
    durationSeconds: outcome.durationSeconds ?? null,
    endReason: outcome.endReason ?? null,
    shutdownReason: outcome.shutdownReason ?? null,
    dbTracking: recorded ? (recorded.tracked ? 'success' : 'skipped: unauthenticated or missing data') : 'pending',
  }
}
