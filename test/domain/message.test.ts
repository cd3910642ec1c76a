import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldMessage, type MessageState } from '../../src/domain/message.js'
import type { MessageEffect } from '../../src/domain/webhook.js'

const effect = (changes: Partial<MessageEffect> = {}): MessageEffect => ({
  target: 'message',
  provider: 'twilio',
  externalId: 'SM1',
  tenant: { by: 'integration', provider: 'twilio', accounts: ['AC1'] },
  direction: 'outbound',
  from: '+15005550006',
  to: '+15005550010',
  status: 'queued',
  statusRank: 2,
  ...changes,
})
type Step = [changes: Partial<MessageEffect>, at: string]
const fold = (steps: readonly Step[]) =>
  steps.reduce<MessageState | undefined>((state, [changes, at]) => foldMessage(state, effect(changes), at), undefined)

const time = (second: number) => new Date(Date.UTC(2026, 10, 21, 9, 30, second)).toISOString()
const text: Step = [{ body: 'Hi', media: [{ url: 'https://m.example.com/1' }] }, time(0)]
const sent: Step = [{ status: 'sent', statusRank: 4 }, time(1)]
const undelivered: Step = [{ status: 'undelivered', statusRank: 5, errorCode: '30003' }, time(2)]
const delivered: Step = [{ status: 'delivered', statusRank: 5 }, time(3)]
const failed: Step = [{ status: 'failed', statusRank: 5, errorCode: '30006' }, time(4)]
const unknown: Step = [{ status: 'puzzled', statusRank: 0 }, time(5)]

describe('what is known of a message @unit', () => {
  it('is the status that went furthest, whichever came last', () => {
    expect(fold([delivered, sent, unknown])).toMatchObject({ status: 'delivered', errorCode: null })
    expect(fold([sent, undelivered])).toMatchObject({ status: 'undelivered', errorCode: '30003' })
  })

  it('is its text, though a status came first', () => {
    expect(fold([sent])).toMatchObject({ body: null, media: [] })
    expect(fold([sent, text])).toMatchObject({ body: 'Hi', media: [{}], status: 'sent' })
  })

  it('is when it left, which a message that failed never did', () => {
    expect(fold([undelivered, sent])?.sentAt).toBe(time(1))
    expect(fold([text, failed])?.sentAt).toBeNull()
    expect(fold([[{ direction: 'inbound', status: 'received', statusRank: 5, at: time(9) }, time(1)]])).toMatchObject({
      receivedAt: time(9),
      sentAt: null,
    })
    expect(fold([[{ direction: 'inbound', status: 'receiving', statusRank: 1 }, time(1)]])?.receivedAt).toBeNull()
  })

  it('is the same in every order, and however often it is told', () => {
    const steps = [text, sent, undelivered, delivered, failed, unknown]
    const anyOrder = fc.shuffledSubarray([...steps, ...steps], { minLength: 12, maxLength: 12 })
    fc.assert(
      fc.property(anyOrder, (shuffled) => {
        expect(fold(shuffled)).toEqual(fold(steps))
      }),
    )
  })
})
