import { cancellationSignal } from '@temporalio/activity'
import { ParleyError } from '../src/domain/errors.js'
import type { Dispatch, FollowUpChannel } from '../src/domain/follow-up.js'
import type { FollowUpDrafts } from '../src/domain/follow-up-draft.js'
import type { BusinessEvents } from '../src/observability/events.js'
import type { FollowUpCarrier } from '../src/providers/follow-up-carrier.js'
import type { FollowUpRef, FollowUpRow } from '../src/store/follow-up-rows.js'
import type { FollowUpSteps, Standing } from '../src/store/follow-up-steps.js'
import type { Ticket } from '../src/store/follow-up-ticket.js'
import { toFailure } from './failure.js'
import { withHeartbeat } from './heartbeat.js'

export interface FollowUpActivityDeps {
  steps: FollowUpSteps
  carriers: Readonly<Record<FollowUpChannel, FollowUpCarrier>>
  drafts: FollowUpDrafts
  events: Pick<BusinessEvents, 'followUpTried' | 'followUpUnclear'>
  /** Takes a provider's report in as its webhook. */
  ingest: (report: { provider: string; path: string; body: Buffer }) => Promise<unknown>
  /** Starts a workflow for one that has none; one that runs is left alone. */
  start: (ref: FollowUpRef) => Promise<unknown>
  /** The installation's number. */
  fromNumber: string | undefined
  gapMs: number
  /** So long after an unclear try a provider that does not show it has not taken it. Milliseconds. */
  confirmMs: number
  /** So long it is asked before nobody will ever know. */
  giveUpMs: number
  now?: () => number
}

type Tried = Exclude<Ticket, { state: 'go' }> | { state: 'answered'; dispatch: Dispatch }
type Resolved = Exclude<Standing, { state: 'unresolved' }> | { state: 'ask_again'; afterMs: number }

/** A start that was lost is found after this long. */
const lostAfterSeconds = 30
const startedAtOnce = 200

/** Steps of follow-ups that only the database is needed for. */
export function createFollowUpActivities({ steps, start }: Pick<FollowUpActivityDeps, 'steps' | 'start'>) {
  return {
    beginFollowUp: (ref: FollowUpRef) => failing(() => steps.begin(ref)),

    recordFollowUp: ({ dispatch, ...ref }: FollowUpRef & { dispatch: Dispatch }): Promise<Standing> =>
      failing(() => steps.record(ref, dispatch)),

    withdrawFollowUp: ({ end, ...ref }: FollowUpRef & { end: Parameters<FollowUpSteps['withdraw']>[1] }) =>
      failing(() => steps.withdraw(ref, end)),

    /** Gives those a workflow whose start was lost: the engine was away, or the process died. */
    async sweepFollowUps(): Promise<{ started: number }> {
      const lost = await steps.unbegun(lostAfterSeconds, startedAtOnce)
      for (const ref of lost) await start(ref)
      return { started: lost.length }
    },
  }
}

export type FollowUpActivities = ReturnType<typeof createFollowUpActivities>

/** Steps of follow-ups that need their provider, or the partner. */
export function createFollowUpCarrierActivities(deps: FollowUpActivityDeps) {
  const { steps, carriers, drafts, events, confirmMs, giveUpMs } = deps
  const now = deps.now ?? Date.now

  /** What is known of an open attempt at its provider. */
  async function lookUp(ref: FollowUpRef, row: FollowUpRow): Promise<Resolved> {
    const carrier = carriers[row.channel]
    const signal = cancellationSignal()
    const since = row.attemptedAt?.getTime() ?? 0
    const isOthers = (ids: readonly string[]) => steps.othersOf(ref, carrier.provider, ids)
    const found = await carrier.find(errandOf(row), { since, isOthers }, signal)
    if (found.state === 'found') return asResolved(await steps.record(ref, { ...found, state: 'accepted' }))
    if (found.state === 'absent' && (row.ageMs ?? 0) >= confirmMs)
      return asResolved(await steps.record(ref, { state: 'not_accepted' }))
    return found.state === 'absent' ? askAgain() : await unlessHopeless(ref, row)
  }

  const askAgain = (): Resolved => ({ state: 'ask_again', afterMs: Math.max(1, Math.ceil(confirmMs / 4)) })

  async function unlessHopeless(ref: FollowUpRef, row: FollowUpRow): Promise<Resolved> {
    if ((row.ageMs ?? 0) < giveUpMs) return askAgain()
    events.followUpUnclear({ ...ref, channel: row.channel })
    return asResolved(await steps.giveUp(ref))
  }

  return {
    draftFollowUp: (ref: FollowUpRef): Promise<{ state: 'pending' | 'ready' | 'failed' | 'over' }> =>
      failing(async () => {
        const row = await steps.find(ref)
        if (!row || (row.status !== 'scheduled' && row.status !== 'sending')) return { state: 'over' }
        if (row.body !== null) return { state: 'ready' }
        if (!drafts.enabled) return { state: 'failed' }
        const { id, tenantId, leadId, channel } = row
        const draft = await withHeartbeat(() => drafts.request({ tenantId, requestId: id, leadId, channel }))
        if (draft.state === 'ready') await steps.setDraft(ref, draft.text)
        return { state: draft.state }
      }),

    /** One try at most, and only with the row's ticket: whoever comes second finds it taken. */
    sendFollowUp: (ref: FollowUpRef): Promise<Tried> =>
      failing(() =>
        withHeartbeat(async () => {
          const began = performance.now()
          const ticket = await steps.ticket(ref, {
            now: now(),
            gapMs: deps.gapMs,
            fromNumber: deps.fromNumber,
            carrier: (channel) => carriers[channel],
          })
          if (ticket.state !== 'go') return ticket
          // Whoever was held up longer than this may have been given up meanwhile: nothing leaves any more.
          if (performance.now() - began > confirmMs / 2) return { state: 'unresolved' }
          const carrier = carriers[ticket.channel]
          const dispatch = await carrier.send(ticket.errand, cancellationSignal())
          events.followUpTried({ ...ref, provider: carrier.provider, state: dispatch.state })
          return { state: 'answered', dispatch }
        }),
      ),

    /** What became of a try without a clear answer: the provider is asked, and only its word lets it be tried again. */
    resolveFollowUp: (ref: FollowUpRef): Promise<Resolved> =>
      failing(() =>
        withHeartbeat(async () => {
          const row = await steps.find(ref)
          if (!row?.attemptOpen) return asResolved(await steps.giveUp(ref))
          try {
            return await lookUp(ref, row)
          } catch (error) {
            // The provider cannot be asked: one of its own failures, and not ours.
            if (!(error instanceof ParleyError) || error.code === 'database_unavailable') throw error
            return await unlessHopeless(ref, row)
          }
        }),
      ),

    askForResult: (ref: FollowUpRef): Promise<{ over: boolean }> =>
      failing(() =>
        withHeartbeat(async () => {
          const row = await steps.find(ref)
          if (row?.status !== 'sent' || row.externalId === null) return { over: true }
          const { provider, report } = carriers[row.channel]
          const told = await report(errandOf(row), row.externalId, cancellationSignal())
          if (told) await deps.ingest({ provider, ...told })
          return { over: (await steps.find(ref))?.status !== 'sent' }
        }),
      ),
  }
}

export type FollowUpCarrierActivities = ReturnType<typeof createFollowUpCarrierActivities>

const errandOf = ({ id, tenantId, to, body, from }: FollowUpRow) => ({
  id,
  tenantId,
  to,
  body: body ?? '',
  from: from ?? undefined,
})

/** What is still not clear is asked for again. */
const asResolved = (standing: Standing): Resolved =>
  standing.state === 'unresolved' ? { state: 'ask_again', afterMs: 1000 } : standing

async function failing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toFailure(error)
  }
}
