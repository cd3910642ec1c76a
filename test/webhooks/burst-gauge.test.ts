import { describe, expect, it } from 'vitest'
import { createBurstGauge } from '../../src/store/burst-gauge.js'

function aGauge(limit = 100) {
  let at = 0
  const gauge = createBurstGauge({ from: 10, limit, restMs: 1000, now: () => at })
  return { gauge, wait: (ms: number) => (at += ms) }
}

describe('a burst of webhooks @unit', () => {
  it('begins with a large batch, and small ones right behind it belong to it', () => {
    const { gauge, wait } = aGauge()
    expect(gauge.keeps(9)).toBe(false)
    expect(gauge.keeps(10)).toBe(true)
    wait(100)
    expect(gauge.keeps(1)).toBe(true)
    wait(1)
    expect(gauge.keeps(1)).toBe(false)
  })

  it('is only kept up to a bound, however long it lasts', () => {
    const { gauge, wait } = aGauge(25)
    expect([gauge.keeps(10), gauge.keeps(10)]).toEqual([true, true])
    for (let n = 0; n < 20; n++) {
      wait(500)
      expect(gauge.keeps(10)).toBe(false)
    }
  })

  it('is over after a rest, and the next one is kept again', () => {
    const { gauge, wait } = aGauge(15)
    expect([gauge.keeps(10), gauge.keeps(10)]).toEqual([true, false])
    wait(1001)
    expect(gauge.keeps(10)).toBe(true)
  })

  it('leaves the machine to the answers for as long as it is kept', () => {
    const { gauge, wait } = aGauge()
    expect(gauge.atWork()).toBe(false)
    gauge.keeps(10)
    wait(100)
    expect(gauge.atWork()).toBe(true)
    wait(1)
    expect(gauge.atWork()).toBe(false)
  })
})
