import { ApplicationFailure, condition } from '@temporalio/workflow'
import type { Actor } from '../src/domain/identity.js'
import { type EndRequester, maySeeSession } from '../src/domain/session.js'
import type {
  AnsweredSession,
  EndedSession,
  ProviderEventMessage,
  ReadySession,
  SessionInput,
  SessionState,
} from './messages.js'

/** What the handlers of a session share with its main function; every message is a fold, so their order does not matter. */
export class SessionMessages {
  phase: SessionState['phase'] = 'starting'
  ready: ReadySession | undefined
  failure: ApplicationFailure | undefined
  end: EndedSession | undefined
  endRequest: { by: EndRequester; at: number } | undefined
  abandonAt: number | undefined
  /** When it was first heard that somebody joined. */
  joinedAt: number | undefined
  /** Grows with every message, so that a wait can tell that something came. */
  version = 0
  private readonly waiting = new Set<string>()
  private readonly gone = new Set<string>()
  private readonly seen = new Set<string>()
  private readonly kinds = new Set<ProviderEventMessage['kind']>()

  constructor(private readonly input: SessionInput) {}

  /** A start under the same key: another request under it is refused before it leaves a trace. */
  checkRequest(requestHash: string): void {
    if (requestHash === this.input.requestHash) return
    throw ApplicationFailure.nonRetryable('the Idempotency-Key was used with another request', 'IdempotencyKeyReused')
  }

  /** Ending somebody else's session looks like ending one that does not exist. */
  checkActor(actor: Actor | undefined): void {
    if (maySeeSession(this.input.owner, actor)) return
    throw ApplicationFailure.nonRetryable('no such session', 'SessionNotFound')
  }

  arrived(requestId: string): void {
    this.version++
    if (!this.gone.has(requestId)) this.waiting.add(requestId)
    if (this.waiting.size > 0) this.abandonAt = undefined
  }

  /** The last caller that waited hung up: nobody has the conversation's address. */
  left(requestId: string): void {
    this.version++
    this.gone.add(requestId)
    this.waiting.delete(requestId)
    if (this.waiting.size === 0 && !this.has('participant_joined'))
      this.abandonAt ??= Date.now() + this.input.limits.abandonMs
  }

  requestEnd(by: EndRequester): void {
    this.version++
    this.endRequest ??= { by, at: Date.now() }
  }

  received(message: ProviderEventMessage): void {
    if (this.seen.has(message.key)) return
    this.seen.add(message.key)
    this.learned(message.kind)
    if (message.over) this.learned('shutdown')
  }

  learned(kind: ProviderEventMessage['kind']): void {
    this.version++
    this.kinds.add(kind)
    if (kind !== 'participant_joined') return
    this.abandonAt = undefined
    this.joinedAt ??= Date.now()
  }

  has(kind: ProviderEventMessage['kind']): boolean {
    return this.kinds.has(kind)
  }

  get complete(): boolean {
    return this.has('shutdown') && this.has('transcript') && (!this.input.recording || this.has('recording'))
  }

  state(): SessionState {
    const { phase, ready, end } = this
    const { sessionId, provider, owner, mode } = this.input
    return { sessionId, provider, owner, mode, phase, ready, end }
  }
}

/** Waits for the start, and fails as it failed. */
export async function answerReady(messages: SessionMessages, requestId: string): Promise<AnsweredSession> {
  messages.arrived(requestId)
  await condition(() => messages.ready !== undefined || messages.failure !== undefined)
  if (messages.ready) return { ...messages.ready, ended: messages.end }
  throw messages.failure ?? ApplicationFailure.nonRetryable('the session did not start')
}

/** Asks for the end and waits for it. */
export async function answerEnd(messages: SessionMessages, by: EndRequester) {
  messages.requestEnd(by)
  await condition(() => messages.end !== undefined || messages.failure !== undefined)
  if (messages.end) return messages.end
  throw messages.failure ?? ApplicationFailure.nonRetryable('the session did not start')
}
