import {
  ActivityCancellationType,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  log,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import type { Actor } from '../src/domain/identity.js'
import { endsOnRequest, type SessionFacts } from '../src/domain/session.js'
import type { SessionActivities, TrackBeginning, TrackInput } from '../activities/session.js'
import {
  awaitReadyUpdate,
  callerGoneSignal,
  endUpdate,
  pending,
  type PrewarmResult,
  providerEventSignal,
  type SessionInput,
  stateQuery,
  type TrackResult,
} from './messages.js'
import { failureOf, isTimeout } from './failures.js'
import { askProvider, endCall, patientStore, quickAnswer, quickStore } from './options.js'
import { artifactDeadline, endedSession, joinCheckAt, longestEnd, nextPause } from './session-limits.js'
import { answerEnd, answerReady, SessionMessages } from './session-messages.js'

const status = defineSearchAttributeKey('ParleyStatus', SearchAttributeType.KEYWORD)
const conversation = defineSearchAttributeKey('ParleyConversation', SearchAttributeType.KEYWORD)

const iso = (ms: number) => new Date(ms).toISOString()

const endedBefore = () => ApplicationFailure.nonRetryable('ended before it began', 'SessionEnded')

/** An end waits to hear whether the conversation came to be. */
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED

/** One conversation from its start to its last artefact. Whatever happens, what was created at the provider is ended there. */
export async function conversationSession(input: SessionInput): Promise<{ sessionId: string; conversationId: string }> {
  const messages = new SessionMessages(input)
  setHandler(stateQuery, () => messages.state())
  setHandler(providerEventSignal, (message) => messages.received(message))
  setHandler(callerGoneSignal, ({ requestId }) => messages.left(requestId))
  setHandler(awaitReadyUpdate, ({ requestId }) => answerReady(messages, requestId), {
    validator: ({ requestHash }: { requestHash: string }) => messages.checkRequest(requestHash),
  })
  setHandler(endUpdate, ({ reason }) => answerEnd(messages, reason), {
    validator: ({ actor }: { actor?: Actor | undefined }) => messages.checkActor(actor),
  })
  return new SessionRun(input, messages).run()
}

class SessionRun {
  private readonly provider
  private readonly providerPatient
  private readonly providerEnd
  private readonly local
  private readonly quick = proxyLocalActivities<SessionActivities>(quickAnswer)
  private readonly patient = proxyActivities<SessionActivities>(patientStore)
  private facts: SessionFacts = {}
  /** A create call may have had its effect: from then on there may be something to end. */
  private mayExist = false
  private tracking: Promise<TrackResult> | undefined
  private readonly startedAt = Date.now()

  constructor(
    private readonly input: SessionInput,
    private readonly messages: SessionMessages,
  ) {
    const taskQueue = input.providerQueue
    const { startMs, trackMs } = input.limits
    this.provider = proxyActivities<SessionActivities>({
      taskQueue,
      startToCloseTimeout: startMs + trackMs,
      // A worker that died in the middle of a call is noticed by this, not by the whole budget.
      heartbeatTimeout: '5s',
      scheduleToCloseTimeout: startMs,
      retry: { initialInterval: '300ms', backoffCoefficient: 2, maximumInterval: '5s' },
    })
    this.providerPatient = proxyActivities<SessionActivities>({ taskQueue, ...askProvider })
    this.providerEnd = proxyActivities<SessionActivities>({ taskQueue, ...endCall })
    this.local = proxyLocalActivities<SessionActivities>(quickStore(trackMs))
  }

  async run() {
    try {
      await this.start()
    } catch (error) {
      throw await this.startFailed(error)
    }
    await this.untilEnd().catch((error: unknown) => {
      if (!isCancellation(error)) throw error
      this.messages.requestEnd('error')
    })
    return await CancellationScope.nonCancellable(() => this.finish())
  }

  private async start(): Promise<void> {
    setCurrentDetails('warming the model')
    const prewarm = await this.prewarm()
    if (this.messages.endRequest) throw endedBefore()
    setCurrentDetails('creating the conversation')
    const { tracking, ...created } = await this.create(prewarm)
    this.facts.createdAt = created.createdAt
    this.tracking = tracking
      ? Promise.resolve(tracking)
      : this.trackLater({ ...this.known(prewarm), ...created, startMs: Date.now() - this.startedAt })
    const { sessionId, startedBy } = this.input
    this.messages.ready = { sessionId, startedBy, ...created, prewarm, ...(tracking ?? pending) }
    // Found again after it was over: nobody tells of its end any more.
    if (created.status === 'ended') this.messages.learned('shutdown')
    this.messages.phase = 'active'
    upsertSearchAttributes([
      { key: status, value: 'active' },
      { key: conversation, value: created.conversationId },
    ])
    setCurrentDetails(`**live** as ${created.conversationId}`)
  }

  /** A warm model answers at once: its answer costs the engine no task. A cold one is waited for as an activity of its own. */
  private async prewarm(): Promise<PrewarmResult> {
    if (!this.input.prewarm) return { skipped: true, reason: 'disabled' }
    try {
      return await this.quick.prewarmModel().catch((error: unknown) => {
        if (!isTimeout(error)) throw error
        const options = { retry: { maximumAttempts: 1 }, summary: 'warm the custom LLM' }
        return this.provider.prewarmModel.executeWithOptions(options, [])
      })
    } catch (error) {
      if (isCancellation(error)) throw error
      return { success: false, error: 'the prewarm did not finish', duration_sec: 0 }
    }
  }

  private async create(prewarm: PrewarmResult) {
    this.mayExist = true
    const { startedBy, keyed, request, maxSeconds, recording, limits } = this.input
    try {
      // What the prewarm took is gone from the start's budget; a second is left in any case.
      const scheduleToCloseTimeout = Math.max(1000, this.startedAt + limits.startMs - Date.now()) + limits.trackMs
      const summary = `create at ${this.input.provider}`
      const { trackMs } = limits
      const input = { request, maxSeconds, recording, startedBy, keyed, trackMs, track: this.known(prewarm) }
      return await this.unlessEnded(() =>
        this.provider.createConversation.executeWithOptions({ scheduleToCloseTimeout, summary, cancellationType }, [
          input,
        ]),
      )
    } catch (error) {
      if (this.messages.endRequest) throw endedBefore()
      // The engine or the worker was away, and not the provider: the step may be done, and its caller answered.
      const done = isTimeout(error) ? await this.recover(prewarm) : undefined
      if (done) return done
      const failure = failureOf(error)
      // A refusal of the first try had no effect; anything else may have had one.
      if (failure.details?.[0] && (failure.details[0] as { effectless?: boolean }).effectless) this.mayExist = false
      throw error
    }
  }

  /** Gives the step up once somebody asks for the end; what it did all the same is still told. */
  private async unlessEnded<T>(step: () => Promise<T>): Promise<T> {
    const scope = new CancellationScope()
    const asked = condition(() => this.messages.endRequest !== undefined).then(() => scope.cancel())
    asked.catch(() => undefined)
    return await scope.run(step)
  }

  private recover(prewarm: PrewarmResult) {
    const { request } = this.input
    const track = { ...this.known(prewarm), startMs: Date.now() - this.startedAt, request }
    return CancellationScope.nonCancellable(() => this.providerEnd.recoverConversation(track))
  }

  /** What the row says of the start, but for the conversation itself. */
  private known(prewarm: PrewarmResult): TrackBeginning {
    const { sessionId, provider, mode, owner, request } = this.input
    const { lead_id: leadId, metadata } = request
    return { sessionId, provider, mode, owner, prewarm, startedAt: this.startedAt, leadId, metadata }
  }

  /** The row, in the background, until the database is back. */
  private trackLater(track: TrackInput): Promise<TrackResult> {
    const tracking = CancellationScope.nonCancellable(() => this.patient.trackSession(track))
    tracking.catch((error: unknown) => log.error('tracking failed', { error: failureOf(error).message }))
    return tracking
  }

  private async startFailed(error: unknown): Promise<ApplicationFailure> {
    const failure = isCancellation(error)
      ? ApplicationFailure.nonRetryable('the start was cancelled', 'SessionCancelled')
      : failureOf(error)
    return await CancellationScope.nonCancellable(async () => {
      this.messages.failure = failure
      this.messages.phase = 'failed'
      setCurrentDetails(`**failed**: ${failure.message}`)
      upsertSearchAttributes([{ key: status, value: 'failed' }])
      const { sessionId, owner, provider } = this.input
      if (this.mayExist && endsOnRequest[provider])
        await this.providerEnd.endByName.executeWithOptions({ summary: 'end what may have been created' }, [
          { sessionId, provider },
        ])
      if (!owner?.tenantId) await this.patient.releaseUntracked({ sessionId })
      await condition(allHandlersFinished)
      return failure
    })
  }

  /** Until somebody asks for the end, the provider says so, or the time is up. */
  private async untilEnd(): Promise<void> {
    const { messages, input } = this
    let mayAsk = true
    while (!messages.endRequest && !messages.has('shutdown')) {
      const now = Date.now()
      const deadline = longestEnd(input, this.facts, messages)
      const joinBy = (mayAsk ? joinCheckAt(input, this.facts, messages) : undefined) ?? Infinity
      if (messages.abandonAt !== undefined && now >= messages.abandonAt) messages.requestEnd('abandoned')
      else if (now >= deadline) messages.requestEnd('max_duration')
      else if (now >= joinBy) {
        mayAsk = false
        await this.ask(messages.ready?.conversationId ?? '')
      } else {
        const version = messages.version
        await condition(
          () => messages.version !== version,
          Math.max(1, Math.min(deadline, joinBy, messages.abandonAt ?? deadline) - now),
        )
      }
    }
  }

  private async finish() {
    const { messages, input } = this
    const conversationId = messages.ready?.conversationId ?? ''
    messages.phase = 'ending'
    setCurrentDetails('ending')
    const ended = await this.endAtProvider(conversationId)
    await this.recordEnd(conversationId)
    messages.phase = 'awaiting_artifacts'
    upsertSearchAttributes([{ key: status, value: 'ended' }])
    setCurrentDetails('ended; waiting for transcript and recording')
    if (!ended.accepted && (await ended.later)) await this.recordEnd(conversationId)
    await this.artifacts(conversationId)
    messages.phase = 'closed'
    upsertSearchAttributes([{ key: status, value: 'closed' }])
    setCurrentDetails(messages.complete ? 'closed, complete' : 'closed; not every artefact arrived')
    await condition(allHandlersFinished)
    return { sessionId: input.sessionId, conversationId }
  }

  /** Asks for the end unless the provider told of it; the row does not wait longer than a moment for the answer. */
  private async endAtProvider(conversationId: string): Promise<{ accepted: boolean; later: Promise<boolean> }> {
    const { messages, facts } = this
    if (messages.endRequest) {
      facts.endRequestedAt = iso(messages.endRequest.at)
      facts.endRequestedBy = messages.endRequest.by
    }
    const told = { accepted: true, later: Promise.resolve(true) }
    if (messages.has('shutdown') || !endsOnRequest[this.input.provider]) return told
    let settled = false
    const later = this.providerEnd.endConversation
      .executeWithOptions({ summary: `end ${conversationId}` }, [this.named(conversationId)])
      .then(
        ({ endedAt }) => ((facts.endedAt = endedAt), true),
        (error: unknown) => (log.error('the end was not accepted', { error: failureOf(error).message }), false),
      )
      .finally(() => (settled = true))
    await condition(() => settled || messages.has('shutdown'), 3000)
    return { accepted: settled || messages.has('shutdown'), later }
  }

  private named(conversationId: string) {
    return { conversationId, provider: this.input.provider }
  }

  private async recordEnd(conversationId: string): Promise<void> {
    const firstEnd = this.messages.end === undefined
    const { sessionId } = this.input
    const record = { sessionId, ...this.named(conversationId), facts: this.facts, ending: true, firstEnd }
    const result = await this.local.recordFacts(record).catch((error: unknown) => {
      log.warn('the end is recorded later', { error: failureOf(error).message })
      void this.recordLater(record)
      return undefined
    })
    if (result && !result.found) void this.recordLater(record)
    this.joined = result?.found === true && result.outcome.joinedAt !== undefined
    this.messages.end = endedSession({ sessionId, conversationId }, this.facts, result?.found ? result : undefined)
  }

  /** The row has the time from which the duration counts, as far as is known here. */
  private joined = false
  private pendingRecords: Promise<unknown> = Promise.resolve()

  /** Facts wait for the row, and the row for the database. */
  private recordLater(record: Parameters<SessionActivities['recordFacts']>[0]): Promise<unknown> {
    const recorded = Promise.resolve(this.tracking)
      .catch(() => undefined)
      .then(() => this.patient.recordFacts(record))
      .catch((error: unknown) => log.error('the end was not recorded', { error: failureOf(error).message }))
    this.pendingRecords = Promise.all([this.pendingRecords, recorded])
    return recorded
  }

  /** Transcript and recording come when they come; what does not come by itself is asked for, ever more seldom. */
  private async artifacts(conversationId: string): Promise<void> {
    const { messages, input } = this
    const deadline = artifactDeadline(input, this.facts, messages)
    let pause = input.limits.confirmMs
    let asked = false
    while (!messages.complete && Date.now() < deadline) {
      await condition(() => messages.complete, Math.max(1, Math.min(pause, deadline - Date.now())))
      if (messages.complete) break
      await this.ask(conversationId)
      asked = true
      pause = nextPause(pause, input, messages)
    }
    // The one event that no later one makes up for: without it the duration counts from the creation.
    if (!this.joined && !asked) await this.ask(conversationId)
    await this.pendingRecords
  }

  private async ask(conversationId: string): Promise<void> {
    const { sessionId, recording, provider } = this.input
    const named = this.named(conversationId)
    try {
      const known = await this.providerPatient.askConversation.executeWithOptions(
        { summary: 'ask for what did not come' },
        [{ sessionId, ...named, since: this.facts.createdAt, recording: recording && !this.messages.has('recording') }],
      )
      for (const kind of known.kinds) this.messages.learned(kind)
      if (known.live && endsOnRequest[provider]) await this.providerEnd.endConversation(named)
    } catch (error) {
      log.warn('the provider could not be asked', { error: failureOf(error).message })
    }
  }
}
