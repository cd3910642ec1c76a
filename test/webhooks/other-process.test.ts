import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createReceiptListener } from '../../src/store/receipt-listener.js'
import { createReceiptSettlements } from '../../src/store/receipt-settlements.js'
import { eventually, shutdown, startEngine, type TestEngine } from './harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await startEngine({ worker: false, env: { PARLEY_SPLIT: 'true', WEBHOOK_MAX_INFLIGHT: '0' } })
})
afterAll(() => engine.close())

describe('a worker in another process', () => {
  it('tells the API what became of a receipt, also after the connection was lost', async () => {
    const settlements = createReceiptSettlements()
    const lost: unknown[] = []
    const log = { warn: (fields: object) => void lost.push(fields) }
    const listener = createReceiptListener({
      url: engine.config.database.url ?? '',
      onMessage: settlements.announceMessage,
      log,
      reconnectMs: 50,
    })
    listener.start()
    const heard = async () => {
      const session = await engine.session()
      await engine.post(session.sessionId, shutdown(session.conversationId))
      const [receipt] = await engine.receipts('session_id = $1', [session.sessionId])
      const settled = settlements.wait(receipt?.id ?? '', 1000)
      await engine.engine.activityDeps.processing.process(receipt?.id ?? '')
      return (await settled) === 'processed'
    }
    await eventually(heard)
    await engine.link.cut()
    await eventually(() => Promise.resolve(lost.length > 0))
    await engine.link.mend()
    await eventually(heard)
    await listener.stop()
  })

  it('is waited for no longer than the time allows', async () => {
    const settlements = createReceiptSettlements()
    expect(await settlements.wait('a', 5)).toBeUndefined()
    const waiting = settlements.wait('b', 1000)
    settlements.announceMessage('b waiting')
    expect(await waiting).toBe('waiting')
  })
})
