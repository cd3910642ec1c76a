import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonical, cleanText, fuller, isUuid, json, merge } from '../../src/store/values.js'

const object = fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'constructor'), fc.jsonValue({ maxDepth: 2 }))

describe('merge', () => {
  it('does not depend on order, grouping or repetition', () => {
    fc.assert(
      fc.property(object, object, object, (a, b, c) => {
        expect(json(merge(a, b))).toBe(json(merge(b, a)))
        expect(json(merge(merge(a, b), c))).toBe(json(merge(a, merge(b, c))))
        expect(json(merge(merge(a, b), b))).toBe(json(merge(a, b)))
      }),
    )
  })

  it('keeps what either side says, also inside of objects', () => {
    expect(merge({ a: { x: 1 }, c: 1 }, { a: { y: 2 }, b: [1] })).toEqual({ a: { x: 1, y: 2 }, b: [1], c: 1 })
  })
})

describe('fuller', () => {
  it('keeps the longer list, and of two as long one and the same', () => {
    expect(fuller([1], [2, 3])).toEqual([2, 3])
    expect(fuller([{ a: 1, b: 2 }], [{ b: 3, a: 1 }])).toEqual(fuller([{ b: 3, a: 1 }], [{ a: 1, b: 2 }]))
    expect(fuller(undefined, [])).toEqual([])
  })
})

describe('canonical', () => {
  it('gives equal JSON for objects that differ only in the order of keys', () => {
    expect(json({ b: [{ d: 1, c: 2 }], a: 1 })).toBe('{"a":1,"b":[{"c":2,"d":1}]}')
  })

  it('survives a value nested deeper than any stack', () => {
    let deep: unknown = 1
    for (let depth = 0; depth < 50_000; depth++) deep = [deep]
    expect(json(deep).length).toBeLessThan(300)
  })

  it('turns half of a surrogate pair into the replacement character and drops NUL', () => {
    expect(canonical({ 'k\0': 'a\0\ud83d b\udc00 \u{1f600}' })).toEqual({ k: 'a\ufffd b\ufffd \u{1f600}' })
    expect(cleanText('plain')).toBe('plain')
  })
})

describe('isUuid', () => {
  it.each([
    ['0192a000-0000-7000-8000-00000000ac3e', true],
    ['0192A000-0000-7000-8000-00000000AC3E', true],
    ['11111111-1111-1111-1111-111111111111', true],
    ['{0192a000-0000-7000-8000-00000000ac3e}', false],
    ['0192a00000007000800000000000ac3e', false],
    ['org_1', false],
    ['', false],
  ])('%s: %s', (text, is) => expect(isUuid(text)).toBe(is))
})
