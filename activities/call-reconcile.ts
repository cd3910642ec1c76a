import { cancellationSignal, heartbeat } from '@temporalio/activity'
import type { CallFacts } from '../src/domain/call.js'
import type { Logger } from '../src/observability/logger.js'

export interface OpenCall {
  id: string
  externalId: string
  facts: CallFacts
}

/** A provider that can be asked for its calls. */
export interface CallSource {
  provider: string
  /** A call is asked for once it is this old. Seconds. */
  olderThanSeconds: number
  /** The webhooks, as their bytes, that the provider must have sent of these calls. */
  missed(calls: readonly OpenCall[]): Promise<Buffer[]>
}

export interface CallReconcileDeps {
  sources: readonly CallSource[]
  /** Calls that are not over, in the order of their ids, after one of them. */
  listOpen: (
    provider: string,
    filter: { olderThanSeconds: number; youngerThanSeconds: number; after: string | undefined; limit: number },
  ) => Promise<OpenCall[]>
  /** Takes webhooks in as if they had come. */
  ingest: (provider: string, bodies: readonly Buffer[]) => Promise<unknown>
  log: Logger
}

const pageSize = 100
/** What has not begun or ended after a week is nothing that a provider could still tell of. */
const youngerThanSeconds = 7 * 86_400

/** Compares calls that are not over with their providers: a webhook that was lost is told by nobody else. */
export function createCallReconcile({ sources, listOpen, ingest, log }: CallReconcileDeps) {
  async function sweep({ provider, olderThanSeconds, missed }: CallSource): Promise<number> {
    let found = 0
    let after: string | undefined
    do {
      heartbeat()
      const page = await listOpen(provider, { olderThanSeconds, youngerThanSeconds, after, limit: pageSize })
      const bodies = page.length === 0 ? [] : await missed(page)
      heartbeat()
      await ingest(provider, bodies)
      found += bodies.length
      after = page.length === pageSize ? page.at(-1)?.id : undefined
    } while (after !== undefined && !cancellationSignal().aborted)
    return found
  }

  return {
    /** A provider that is away stops no other. */
    async sweepCalls(): Promise<{ found: number }> {
      let found = 0
      for (const source of sources)
        try {
          found += await sweep(source)
        } catch (error) {
          log.warn({ err: error, provider: source.provider }, 'open calls could not be compared with their provider')
        }
      return { found }
    },
  }
}

export type CallReconcile = ReturnType<typeof createCallReconcile>
