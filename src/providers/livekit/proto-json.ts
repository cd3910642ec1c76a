import { timeOf } from '../../domain/order.js'

/** 64-bit integers are strings in proto3 JSON and may be beyond what a number holds; a receiver takes numbers as well. */
export function integerOf(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  return typeof value === 'string' && /^-?\d{1,25}$/.test(value) ? BigInt(value) : undefined
}

const perMs = { seconds: undefined, milliseconds: 1n, nanoseconds: 1_000_000n }

/** A time since the epoch as RFC 3339 in UTC; zero is how proto3 leaves a time out. */
export function timeFrom(value: unknown, unit: keyof typeof perMs): string | undefined {
  const count = integerOf(value)
  if (count === undefined || count <= 0n) return undefined
  const divisor = perMs[unit]
  return timeOf(Number(divisor === undefined ? count * 1000n : count / divisor))
}

/** Seconds of a length in nanoseconds, to the millisecond. */
export function secondsFrom(value: unknown): number | undefined {
  const count = integerOf(value)
  return count === undefined || count < 0n ? undefined : Number(count / 1_000_000n) / 1000
}

/** A text that a row may keep; undefined for everything else, the empty one included. */
export const textOf = (value: unknown, limit = 500): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= limit ? value : undefined
