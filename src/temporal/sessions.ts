import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Client,
  isGrpcServiceError,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionInfo,
  WorkflowNotFoundError,
  type WorkflowStartOptions,
  WorkflowUpdateFailedError,
} from '@temporalio/client'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import {
  awaitReadyUpdate,
  callerGoneSignal,
  type EndedSession,
  endUpdate,
  type ProviderEventMessage,
  providerEventSignal,
  type ReadySession,
  type SessionInput,
  type SessionState,
  sessionWorkflowId,
  stateQuery,
} from '../../workflows/messages.js'
import type { conversationSession } from '../../workflows/session.js'
import { idempotencyKeyReused, UnavailableError } from '../domain/errors.js'
import type { Actor } from '../domain/identity.js'
import type { EndRequester, SessionProvider } from '../domain/session.js'
import { createEngineWatch } from './engine-watch.js'
import { problemOf } from './failures.js'
import { createReadyNotices, type ReadyNotices } from './ready-notices.js'

const key = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD)
const attributes = {
  tenant: key('ParleyTenant'),
  user: key('ParleyUser'),
  provider: key('ParleyProvider'),
  status: key('ParleyStatus'),
  conversation: key('ParleyConversation'),
}

/** Every call has a deadline: without one the client retries an absent server for 20 s and more. */
const quickMs = 3000
const goneForMs = 5 * 60_000

export interface StartOptions {
  requestId: string
  timeoutMs: number
  /** Aborts when the caller hangs up. */
  signal?: AbortSignal | undefined
}

export type StartResult = { ready: ReadySession; ended?: EndedSession | undefined }

export interface SessionClientOptions {
  client: Client
  taskQueue: string
  notices?: ReadyNotices
}

/** What the business does with session workflows. */
export function createSessionClient({ client, taskQueue, notices = createReadyNotices() }: SessionClientOptions) {
  const within = <T>(ms: number, work: () => Promise<T>) => client.connection.withDeadline(Date.now() + ms, work)
  const watched = createEngineWatch({ client })
  const handleOf = (sessionId: string) =>
    client.workflow.getHandle<typeof conversationSession>(sessionWorkflowId(sessionId))

  async function state(sessionId: string): Promise<SessionState | undefined> {
    try {
      return await within(quickMs, () => handleOf(sessionId).query(stateQuery))
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined
      throw engineAway(error)
    }
  }

  /** A closed run of the same key answers as it did; another request under the key is refused. */
  async function closedRun(input: SessionInput): Promise<StartResult> {
    const description = await within(quickMs, () => handleOf(input.sessionId).describe())
    if (description.memo?.requestHash !== input.requestHash) throw idempotencyKeyReused()
    const known = await state(input.sessionId)
    if (!known?.ready) throw new UnavailableError('the session is not known any more', 'session_start_failed')
    return { ready: known.ready, ended: known.end }
  }

  async function start(input: SessionInput, options: StartOptions): Promise<StartResult> {
    const { requestId, signal } = options
    const update = () =>
      client.workflow.executeUpdateWithStart(awaitReadyUpdate, {
        updateId: requestId,
        args: [{ requestId, requestHash: input.requestHash }],
        startWorkflowOperation: startOperation(input, taskQueue),
      })
    try {
      const call = () => within(options.timeoutMs, update)
      const answered = watched(call, signal).then(({ ended, ...ready }): StartResult => ({ ready, ended }))
      return await notices.first(requestId, answered, (ready) => ({ ready }))
    } catch (error) {
      if (error instanceof WorkflowUpdateFailedError) throw problemOf(error.cause, input.provider)
      if (error instanceof WorkflowExecutionAlreadyStartedError) return await closedRun(input)
      // Nobody waits any more: should the conversation come to be, it is ended.
      void callerGone(input.sessionId, requestId)
      throw engineAway(error)
    }
  }

  /** Told for as long as an engine that was away may take to come back: a session that nobody waits for costs money. */
  async function callerGone(sessionId: string, requestId: string): Promise<void> {
    const until = Date.now() + goneForMs
    while (Date.now() < until) {
      try {
        return await within(quickMs, () => handleOf(sessionId).signal(callerGoneSignal, { requestId }))
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return
        await sleep(2000, undefined, { ref: false })
      }
    }
  }

  return {
    start,
    state,
    callerGone,
    /** Starts and does not wait; a repeat under the same key finds what is there. */
    async begin(input: SessionInput): Promise<void> {
      try {
        await within(quickMs, () =>
          client.workflow.start<typeof conversationSession>('conversationSession', startOptions(input, taskQueue)),
        )
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw engineAway(error)
      }
      const run = await within(quickMs, () => handleOf(input.sessionId).describe())
      if (run.memo?.requestHash !== input.requestHash) throw idempotencyKeyReused()
    },
    /** @returns undefined when no workflow runs for it, ended long ago or never known */
    async end(
      sessionId: string,
      input: { actor?: Actor | undefined; reason: EndRequester },
      timeoutMs: number,
    ): Promise<EndedSession | undefined> {
      try {
        const call = () => handleOf(sessionId).executeUpdate(endUpdate, { args: [input] })
        return await watched(() => within(timeoutMs, call))
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return undefined
        if (error instanceof WorkflowUpdateFailedError) {
          if (isCompletedMeanwhile(error.cause)) return undefined
          throw problemOf(error.cause, 'the provider')
        }
        throw engineAway(error)
      }
    },
    async signal(sessionId: string, message: ProviderEventMessage): Promise<void> {
      try {
        await within(quickMs, () => handleOf(sessionId).signal(providerEventSignal, message))
      } catch (error) {
        // Closed or never started: nobody waits for the event any more.
        if (!(error instanceof WorkflowNotFoundError)) throw error
      }
    },
    /** The session of a conversation by the engine's own listing, which lags by a moment: for rows not yet written. */
    async findByConversation(provider: SessionProvider, conversationId: string): Promise<string | undefined> {
      if (!/^[\w-]{1,128}$/.test(conversationId)) return undefined
      const query = `WorkflowType = 'conversationSession' AND ParleyConversation = '${conversationId}' AND ParleyProvider = '${provider}'`
      try {
        return await within(quickMs, async () => {
          for await (const run of client.workflow.list({ query, pageSize: 1 }))
            return run.workflowId.slice('session/'.length)
          return undefined
        })
      } catch (error) {
        throw engineAway(error)
      }
    },
    async *openSessions() {
      const query = `WorkflowType = 'conversationSession' AND ExecutionStatus = 'Running'`
      for await (const run of client.workflow.list({ query, pageSize: 1000 }))
        yield {
          sessionId: run.workflowId.slice('session/'.length),
          ...told(run),
        }
    },
    async describe(sessionId: string) {
      try {
        const run = await within(quickMs, () => handleOf(sessionId).describe())
        return {
          sessionId,
          running: run.status.name === 'RUNNING',
          ...told(run),
        }
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return undefined
        throw error
      }
    },
  }
}

/** What the engine's listing says of a session. */
const told = ({
  typedSearchAttributes: known,
  startTime,
}: Pick<WorkflowExecutionInfo, 'typedSearchAttributes' | 'startTime'>) => ({
  provider: known.get(attributes.provider) === 'elevenlabs' ? ('elevenlabs' as const) : ('tavus' as const),
  conversationId: known.get(attributes.conversation),
  status: known.get(attributes.status),
  startedAt: startTime,
})

export type SessionClient = ReturnType<typeof createSessionClient>

/** A fresh operation each time: it serves one call only. */
const startOperation = (input: SessionInput, taskQueue: string) =>
  new WithStartWorkflowOperation<typeof conversationSession>('conversationSession', startOptions(input, taskQueue))

function startOptions(
  input: SessionInput,
  taskQueue: string,
): WorkflowStartOptions<typeof conversationSession> & { workflowIdConflictPolicy: 'USE_EXISTING' } {
  return {
    workflowId: sessionWorkflowId(input.sessionId),
    taskQueue,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    // A start that failed may be tried again under its key; one that succeeded stays the only one.
    workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
    memo: { requestHash: input.requestHash },
    staticSummary: `${input.provider} session${input.owner ? '' : ', anonymous'}`,
    typedSearchAttributes: [
      { key: attributes.provider, value: input.provider },
      { key: attributes.status, value: 'starting' },
      { key: attributes.user, value: input.owner?.userId ?? 'anonymous' },
      ...(input.owner?.tenantId ? [{ key: attributes.tenant, value: input.owner.tenantId }] : []),
    ],
  }
}

const isCompletedMeanwhile = (cause: unknown) =>
  (cause as { type?: string } | undefined)?.type === 'AcceptedUpdateCompletedWorkflow'

/** The engine did not answer in time or is away; what it was asked to do may still happen. */
export function engineAway(error: unknown): unknown {
  const name = (error as { name?: string } | null)?.name ?? ''
  const away =
    isGrpcServiceError(error) || name === 'ServiceError' || name === 'WorkflowUpdateRPCTimeoutOrCancelledError'
  return away ? new UnavailableError('the workflow engine did not answer in time', 'engine_unavailable') : error
}
