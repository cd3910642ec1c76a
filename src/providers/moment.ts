import { utcMicroseconds } from './timestamp.js'

/** When a delivery was received, spelled as the times of the events are. */
export const momentOf = (receivedAt: Date | undefined): string | undefined =>
  receivedAt === undefined || Number.isNaN(receivedAt.getTime()) ? undefined : utcMicroseconds(receivedAt.toISOString())

/** A moment so many seconds after another. */
export function secondsAfter(moment: string | undefined, seconds: number | undefined): string | undefined {
  if (moment === undefined || seconds === undefined) return undefined
  return utcMicroseconds(Date.parse(moment) / 1000 + seconds)
}
