import { insist } from './patient.js'

export interface Unreliability {
  /** Shares of the webhooks, from 0 to 1. */
  duplicates: number
  reorder: number
  forged: number
}

const reorderMs = 3000
const duplicateMs = 2000

/** How badly the providers' webhooks travel; answers what takes it back. */
export async function disturb(
  simulatorUrl: string,
  { duplicates, reorder, forged }: Unreliability,
): Promise<() => Promise<void>> {
  const faults = ['webhook', 'callback'].flatMap((operation) => [
    { operation, kind: 'duplicate', rate: duplicates, delay_ms: duplicateMs },
    { operation, kind: 'reorder', rate: reorder, delay_ms: reorderMs },
    { operation, kind: operation === 'webhook' ? 'bad_signature' : 'forged_token', rate: forged },
  ])
  const ids: unknown[] = []
  for (const body of faults.filter(({ rate }) => rate > 0))
    ids.push((await insist(`${simulatorUrl}/__sim/faults`, { body })).id)
  return async () => {
    for (const id of ids) await fetch(`${simulatorUrl}/__sim/faults/${String(id)}`, { method: 'DELETE' })
  }
}

/** Short times of the video conversations, so that a day fits into minutes. */
export const hurry = (simulatorUrl: string) =>
  insist(`${simulatorUrl}/__sim/config`, { body: { join_delay_ms: [500, 2500], transcript_delay_ms: 300 } })
