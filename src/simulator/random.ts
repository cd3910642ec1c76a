/** An amount, or the two ends that it is drawn between. */
export type Range = readonly [min: number, max: number]

/** Choices that a seed repeats; a fork has a stream of its own, whatever else is drawn meanwhile. */
export interface Random {
  next: () => number
  between: (range: Range) => number
  chance: (rate: number) => boolean
  pick: <T>(first: T, ...others: T[]) => T
  fork: (stream: number) => Random
}

/** Random choices that the seed repeats (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    between: ([min, max]) => min + next() * (max - min),
    chance: (rate) => next() < rate,
    pick: (first, ...others) => [first, ...others][Math.floor(next() * (others.length + 1))] ?? first,
    // Neighbouring streams of a plain sum would overlap: the multiplier keeps them apart.
    fork: (stream) => createRandom(Math.imul(seed ^ (stream + 1), 0x9e3779b1)),
  }
}
