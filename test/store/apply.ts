import type { Applied, Applier, EffectOf, Pending } from '../../src/store/receipt-applier.js'
import type { World } from './world.js'

type Target = EffectOf<'identity' | 'partner'>['target']

/** Applies effects in one transaction, as the receipts of one batch would be. */
export function applyWith<T extends Target>(world: World, applier: Applier<T>) {
  return (...effects: EffectOf<T>[]): Promise<Applied[]> =>
    world.database.withService(undefined, (trx) =>
      applier(
        trx,
        effects.map((effect) => ({ effect, receipt: {} }) as unknown as Pending<T>),
      ),
    )
}
