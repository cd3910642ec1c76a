import type { ReceiptStatus } from '../domain/webhook.js'

/** Name of the PostgreSQL channel on which a worker tells another process what became of a receipt. */
export const settlementChannel = 'parley_receipts'

type Waiter = (status: ReceiptStatus) => void

/** Brings what became of a receipt to the requests that wait for it. */
export function createReceiptSettlements() {
  const waiters = new Map<string, Set<Waiter>>()
  const announce = (receiptId: string, status: ReceiptStatus): void =>
    [...(waiters.get(receiptId) ?? [])].forEach((waiter) => waiter(status))

  function remove(receiptId: string, waiter: Waiter): void {
    const others = waiters.get(receiptId)
    others?.delete(waiter)
    if (others?.size === 0) waiters.delete(receiptId)
  }

  return {
    announce,
    /** A message of the channel. */
    announceMessage(message: string): void {
      const [receiptId = '', status = ''] = message.split(' ')
      announce(receiptId, status as ReceiptStatus)
    },
    /** Listens from now on; undefined once the time is up. */
    wait(receiptId: string, timeoutMs: number): Promise<ReceiptStatus | undefined> {
      return new Promise((resolve) => {
        const done = (status?: ReceiptStatus) => {
          clearTimeout(timer)
          remove(receiptId, done)
          resolve(status)
        }
        const timer = setTimeout(done, Math.max(0, timeoutMs))
        waiters.set(receiptId, (waiters.get(receiptId) ?? new Set()).add(done))
      })
    },
  }
}

export type ReceiptSettlements = ReturnType<typeof createReceiptSettlements>
