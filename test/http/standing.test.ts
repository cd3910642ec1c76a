import { describe, expect, it } from 'vitest'
import { createStanding } from '../../src/http/identity/standing.js'

const caller = { userId: 'u1', tenantId: 't1' }

function prepare({ waitMs = 10_000 } = {}) {
  const state = { clock: 0, asked: 0, answer: async (): Promise<boolean> => false }
  const standing = createStanding({
    standingOf: async () => {
      state.asked++
      return { ended: await state.answer(), role: null }
    },
    ttlMs: 3000,
    waitMs,
    now: () => state.clock,
  })
  const isDisabled = async (who: { userId: string; tenantId: string }) => (await standing.of(who)).ended
  return { state, isDisabled: () => isDisabled(caller), isDisabledOf: isDisabled }
}

describe('whether a user is disabled @unit', () => {
  it('is asked once in three seconds, and by all who wait at once', async () => {
    const { state, isDisabled } = prepare()
    await Promise.all([isDisabled(), isDisabled(), isDisabled()])
    state.clock = 2999
    await isDisabled()
    expect(state.asked).toBe(1)
    state.answer = async () => true
    state.clock = 3000
    expect(await isDisabled()).toBe(true)
    expect(state.asked).toBe(2)
  })

  it('is known of each user and company apart', async () => {
    const { state, isDisabledOf } = prepare()
    await isDisabledOf(caller)
    await isDisabledOf({ ...caller, userId: 'u2' })
    await isDisabledOf({ ...caller, tenantId: 't2' })
    expect(state.asked).toBe(3)
  })

  it('stays as it was while the database is away, and the question waits', async () => {
    const { state, isDisabled } = prepare()
    state.answer = async () => true
    expect(await isDisabled()).toBe(true)
    state.answer = () => Promise.reject(new Error('away'))
    state.clock = 5000
    expect(await isDisabled()).toBe(true)
    expect(await isDisabled()).toBe(true)
    expect(state.asked).toBe(2)
    state.answer = async () => false
    state.clock = 9000
    expect(await isDisabled()).toBe(false)
  })

  it('holds nobody up who was never asked about while the database is away', async () => {
    const { state, isDisabled } = prepare()
    state.answer = () => Promise.reject(new Error('away'))
    expect(await isDisabled()).toBe(false)
  })

  it('is not waited for without end, and the late answer counts', async () => {
    const { state, isDisabled } = prepare({ waitMs: 5 })
    let answer: (disabled: boolean) => void = () => {}
    state.answer = () => new Promise((resolve) => (answer = resolve))
    expect(await isDisabled()).toBe(false)
    answer(true)
    await expect.poll(isDisabled).toBe(true)
    expect(state.asked).toBe(1)
  })
})
