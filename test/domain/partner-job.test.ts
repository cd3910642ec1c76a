import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldJob, joinParts, type JobPart, jobStatus, type JobParts, partOrder } from '../../src/domain/partner-job.js'

const order = partOrder((data) => JSON.stringify(data))
const subjects = ['a', 'b', 'c'].map((id) => ({ type: 'call' as const, id }))

const aPart: fc.Arbitrary<JobPart> = fc.record({
  status: fc.constantFrom('queued', 'running', 'failed', 'completed'),
  word: fc.constant('w'),
  at: fc.option(fc.constantFrom('2026-03-01T10:00:00.000000Z', '2026-03-01T10:00:01.000000Z'), { nil: undefined }),
  data: fc.record({ n: fc.nat(3) }),
})
const told = fc.array(fc.tuple(fc.constantFrom('', 'call:a', 'call:b', 'call:c'), aPart), { maxLength: 12 })

const all = (list: readonly [string, JobPart][]) =>
  list.reduce<JobParts>((known, [key, part]) => joinParts(known, { [key]: part }, order), {})

describe('@unit @idempotency what is known of a job', () => {
  it('is the same in every order and however often each answer comes', () => {
    fc.assert(
      fc.property(told, fc.nat(), (list, seed) => {
        const shuffled = [...list, ...list].sort(
          (a, b) => JSON.stringify([seed, a]).length - JSON.stringify([seed, b]).length || (seed % 2 === 0 ? -1 : 1),
        )
        for (const about of [[], subjects])
          expect(foldJob(all(shuffled.reverse()), about, order)).toEqual(foldJob(all(list), about, order))
      }),
    )
  })

  it('never goes back from completed', () => {
    fc.assert(
      fc.property(told, told, (list, more) => {
        for (const about of [[], subjects]) {
          const before = foldJob(all(list), about, order)
          const after = foldJob(all([...list, ...more]), about, order)
          if (before.status === 'completed') expect(after.status).toBe('completed')
        }
      }),
    )
  })
})

const part = (status: JobPart['status']): JobPart => ({ status, word: status, data: {} })

describe('@unit a job about several things', () => {
  it.each([
    ['nothing told', {}, 'queued'],
    ['one of them', { 'call:a': part('completed') }, 'running'],
    ['two, one failed', { 'call:a': part('completed'), 'call:b': part('failed') }, 'running'],
    ['all', { 'call:a': part('completed'), 'call:b': part('completed'), 'call:c': part('completed') }, 'completed'],
    [
      'all, some failed',
      { 'call:a': part('completed'), 'call:b': part('failed'), 'call:c': part('failed') },
      'completed',
    ],
    ['all failed', { 'call:a': part('failed'), 'call:b': part('failed'), 'call:c': part('failed') }, 'failed'],
    ['the whole', { '': part('completed') }, 'completed'],
    ['the whole, running', { '': part('running') }, 'running'],
  ] as [string, JobParts, string][])('of which %s is known', (_, parts, status) => {
    expect(foldJob(parts, subjects, order).status).toBe(status)
  })
})

describe('@unit the status of a job', () => {
  it('is the partner’s word on its end, else why we gave it up, else how far it is', () => {
    expect(jobStatus(part('completed'), 'timed_out')).toBe('completed')
    expect(jobStatus(part('failed'), 'timed_out')).toBe('failed')
    expect(jobStatus(part('running'), 'timed_out')).toBe('timed_out')
    expect(jobStatus(part('queued'), 'provider_rejected')).toBe('failed')
    expect(jobStatus(part('running'), null)).toBe('running')
  })
})
