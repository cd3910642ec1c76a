import type { Knex } from 'knex'
import type { NewEvent } from '../domain/event.js'
import type { Usage } from '../domain/usage.js'
import type { ReceiptSignal, WebhookEffect } from '../domain/webhook.js'
import type { StoredReceipt } from './receipt-states.js'

type Target = WebhookEffect['target']
export type EffectOf<T extends Target> = Extract<WebhookEffect, { target: T }>

/** A receipt on its way to its end, with what its event does. */
export interface Pending<T extends Target = Target> {
  receipt: StoredReceipt
  effect: EffectOf<T>
}

/** What became of one effect. */
export type Applied =
  /** What it is about is not known (yet): the receipt waits, and is parked in the end. */
  | { state: 'unknown'; reason: string }
  /** It can never apply, and the sender is why. */
  | { state: 'mismatch'; reason: string }
  | {
      state: 'applied'
      tenantId?: string | undefined
      sessionId?: string | undefined
      userId?: string | undefined
      leadId?: string | undefined
      /** What the workflow of the session or of the job is to be told. */
      signal?: ReceiptSignal | undefined
      /** What the event says was used, where only the rows tell whether it was told before. */
      usage?: Usage | undefined
      /** Entries of the event log, beside system.webhook.processed. */
      events: NewEvent[]
    }

/**
 * Applies the effects of one target in a service transaction that sees every tenant: all that are given, set-wise, and
 * answers for each in the same order. It takes its row locks in an order of its own making (by key), so that two
 * transactions never wait in a ring; it throws for all when one cannot be applied, and is then asked for each alone.
 */
export type Applier<T extends Target = Target> = (
  trx: Knex.Transaction,
  pending: readonly Pending<T>[],
  beside?: Beside,
) => Promise<Applied[]>

/** What the transaction does beside the effects, where that saves it trips. */
export interface Beside {
  /** Keys of receipts that turn out to be repeats while rows are looked up: they are left out, also of the answers. */
  repeats: Promise<ReadonlySet<string>>
  /**
   * Takes statements whose answers nobody waits for: they travel with the commit. What they meet that they did not expect
   * must be an error, for it undoes all.
   */
  last?: ((statement: () => Promise<unknown>) => void) | undefined
}

export type Appliers = { [T in Target]?: Applier<T> }
