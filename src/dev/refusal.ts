/** A start that cannot go on, for a reason that a person can do something about: shown without a stack. */
export class Refusal extends Error {
  override name = 'Refusal'
}

/** A program that did not come up, with its last words. */
export class ChildFailure extends Refusal {
  override name = 'ChildFailure'
}
