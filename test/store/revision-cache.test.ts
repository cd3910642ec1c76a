import { describe, expect, it } from 'vitest'
import { createRevisionCache } from '../../src/store/revision-cache.js'

/** A source that counts how often it is asked and read. */
function source() {
  const state = { revision: '1', asked: 0, read: 0 }
  const look = {
    revision: async () => (state.asked++, state.revision),
    load: async () => (state.read++, { revision: state.revision, value: `value ${state.revision}` }),
  }
  return { state, look }
}

describe('values kept by their revision @unit', () => {
  it('are read once, and again when the revision is another', async () => {
    const { state, look } = source()
    const cache = createRevisionCache<string>({ ttlMs: 1000, maxEntries: 10, now: () => 0 })
    expect(await cache.read('a', look)).toEqual({ value: 'value 1', cached: false })
    expect(await cache.read('a', look)).toEqual({ value: 'value 1', cached: true })
    state.revision = '2'
    expect(await cache.read('a', look)).toEqual({ value: 'value 2', cached: false })
    expect(await cache.read('b', look)).toEqual({ value: 'value 2', cached: false })
    expect(state).toMatchObject({ asked: 2, read: 3 })
  })

  it('are forgotten after their time, whether or not anybody asks for them', async () => {
    let now = 0
    const { look } = source()
    const cache = createRevisionCache<string>({ ttlMs: 1000, maxEntries: 10, now: () => now })
    await cache.read('a', look)
    now = 999
    expect([cache.peek('a'), cache.size]).toEqual(['value 1', 1])
    now = 1000
    expect(cache.peek('a')).toBeUndefined()
    expect((await cache.read('b', look)).cached).toBe(false)
    expect(cache.size).toBe(1)
  })

  it('are not kept at all with a time of 0', async () => {
    const { look } = source()
    const cache = createRevisionCache<string>({ ttlMs: 0, maxEntries: 10 })
    await cache.read('a', look)
    expect([(await cache.read('a', look)).cached, cache.size, cache.peek('a')]).toEqual([false, 0, undefined])
  })

  it('are as many as allowed, the oldest going first', async () => {
    const { look } = source()
    const cache = createRevisionCache<string>({ ttlMs: 1000, maxEntries: 2, now: () => 0 })
    for (const key of ['a', 'b', 'a', 'c']) await cache.read(key, look)
    expect(['a', 'b', 'c'].map((key) => cache.peek(key) !== undefined)).toEqual([false, true, true])
  })

  it('are not kept when the source fails, and what was kept is still remembered', async () => {
    const { state, look } = source()
    const cache = createRevisionCache<string>({ ttlMs: 1000, maxEntries: 2, now: () => 0 })
    await cache.read('a', look)
    const away = { ...look, revision: () => Promise.reject(new Error('away')) }
    await expect(cache.read('a', away)).rejects.toThrow('away')
    expect(cache.peek('a')).toBe('value 1')
    state.revision = '2'
    const broken = { ...look, load: () => Promise.reject(new Error('broken')) }
    await expect(cache.read('a', broken)).rejects.toThrow('broken')
    // Known to be over: it must not be told any more.
    expect(cache.peek('a')).toBeUndefined()
  })
})
