import { describe, expect, it } from 'vitest'
import type { Delivery } from '../../src/domain/webhook.js'
import { createReceiptBatcher } from '../../src/store/receipt-batcher.js'
import type { Arrival, ReceiptRow } from '../../src/store/webhook-receipts.js'

const aDelivery = (key: string, bytes = 2): Delivery => ({
  provider: 'tavus',
  kind: 'k',
  externalId: 'c',
  deliveryKey: key,
  eventId: key,
  payload: Buffer.alloc(bytes),
  headers: {},
})

/** A table that commits when it is told to. */
function aTable(fails: (arrivals: readonly Arrival[]) => Error | undefined = () => undefined) {
  const statements: { arrivals: readonly Arrival[]; commit: () => void }[] = []
  const known = new Set<string>()
  const insert = (arrivals: readonly Arrival[]) =>
    new Promise<ReceiptRow[]>((resolve, reject) => {
      const commit = () => {
        const error = fails(arrivals)
        if (error) return reject(error)
        resolve(
          arrivals.map(({ delivery: { deliveryKey } }) => {
            const inserted = !known.has(deliveryKey)
            known.add(deliveryKey)
            return {
              id: deliveryKey,
              delivery_key: deliveryKey,
              status: 'received' as const,
              tenant_id: null,
              inserted,
            }
          }),
        )
      }
      statements.push({ arrivals, commit })
    })
  return { statements, insert }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('group commit', () => {
  it('lets a delivery that is alone wait for nobody', async () => {
    const { statements, insert } = aTable()
    void createReceiptBatcher({ insert }).record(aDelivery('a'), false)
    await turn()
    expect(statements).toHaveLength(1)
  })

  it('puts what comes in one turn of the event loop into one statement', async () => {
    const { statements, insert } = aTable()
    const batcher = createReceiptBatcher({ insert })
    for (const key of ['a', 'b', 'c']) void batcher.record(aDelivery(key), false)
    await turn()
    expect(statements.map(({ arrivals }) => arrivals.length)).toEqual([3])
  })

  it('lets a repeat of what is being written wait, and nobody behind it', async () => {
    const { statements, insert } = aTable()
    const batcher = createReceiptBatcher({ insert })
    const first = batcher.record(aDelivery('same'), false)
    await turn()
    const again = batcher.record(aDelivery('same'), false)
    void batcher.record(aDelivery('other'), false)
    await turn()
    expect(statements.map(({ arrivals }) => arrivals.map(({ delivery }) => delivery.deliveryKey))).toEqual([
      ['same'],
      ['other'],
    ])
    statements[0]?.commit()
    await turn()
    expect(statements[2]?.arrivals).toMatchObject([{ count: 1, delivery: { deliveryKey: 'same' } }])
    statements[2]?.commit()
    expect([(await first).first, (await again).first]).toEqual([true, false])
  })

  it('has two statements in flight and puts what comes meanwhile into one more', async () => {
    const { statements, insert } = aTable()
    const batcher = createReceiptBatcher({ insert, maxBatch: 5 })
    const all = Array.from({ length: 12 }, (_, n) => batcher.record(aDelivery(String(n)), false))
    await turn()
    expect(statements.map(({ arrivals }) => arrivals.length)).toEqual([5, 5])
    statements[0]?.commit()
    await turn()
    expect(statements.map(({ arrivals }) => arrivals.length)).toEqual([5, 5, 2])
    for (let n = 1; n < 3; n++) {
      statements[n]?.commit()
      await turn()
    }
    expect((await Promise.all(all)).every(({ first }) => first)).toBe(true)
  })

  it('folds deliveries of one event: all are counted, one is the first', async () => {
    const { statements, insert } = aTable()
    const batcher = createReceiptBatcher({ insert, maxInFlight: 1 })
    const blocker = batcher.record(aDelivery('other'), false)
    await turn()
    const same = [1, 2, 3].map(() => batcher.record(aDelivery('same'), false))
    statements[0]?.commit()
    await blocker
    await turn()
    expect(statements[1]?.arrivals).toMatchObject([{ count: 3, delivery: { deliveryKey: 'same' } }])
    statements[1]?.commit()
    expect((await Promise.all(same)).map(({ first }) => first)).toEqual([true, false, false])
  })

  it('does not let a row that the database refuses take its neighbours with it', async () => {
    const { statements, insert } = aTable((arrivals) =>
      arrivals.some(({ delivery }) => delivery.deliveryKey === 'bad') ? new Error('refused') : undefined,
    )
    const batcher = createReceiptBatcher({ insert, maxInFlight: 1 })
    const results = ['x', 'good', 'bad', 'fine'].map((key) =>
      batcher.record(aDelivery(key), false).then(
        () => 'kept',
        () => 'refused',
      ),
    )
    for (let n = 0; n < 5; n++) {
      await turn()
      statements.splice(0).forEach(({ commit }) => commit())
      await turn()
    }
    expect(await Promise.all(results)).toEqual(['kept', 'kept', 'refused', 'kept'])
  })

  it('fails all of a batch together when the database is away', async () => {
    const down = Object.assign(new Error('gone'), { code: 'ECONNRESET' })
    const { statements, insert } = aTable(() => down)
    const batcher = createReceiptBatcher({ insert, maxInFlight: 1 })
    const results = Promise.allSettled(['a', 'b', 'c'].map((key) => batcher.record(aDelivery(key), false)))
    await turn()
    statements[0]?.commit()
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(statements).toHaveLength(1)
  })

  it('bounds the bytes of a statement', async () => {
    const { statements, insert } = aTable()
    const batcher = createReceiptBatcher({ insert, maxInFlight: 1, maxBatchBytes: 250 })
    for (const key of ['a', 'b', 'c']) void batcher.record(aDelivery(key, 100), false)
    await turn()
    expect(statements[0]?.arrivals).toHaveLength(2)
  })
})
