import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedUsers } from '../../src/dev/seed.js'
import type { Rotation } from '../../src/store/refresh-tokens.js'
import { acme, borealis, createWorld, type World } from './world.js'

let world: World
beforeAll(async () => (world = await createWorld({ poolSize: 8 })))
afterAll(() => world.close())

const { acmeRep, acmeRep2 } = seedUsers
const inAnHour = () => new Date(Date.now() + 3_600_000)
const issue = (expiresAt = inAnHour(), user = acmeRep) =>
  world.tokens.issue({ tenantId: user.companyId, userId: user.id, expiresAt })

async function rotated(token: string): Promise<Extract<Rotation, { state: 'rotated' }>> {
  const rotation = await world.tokens.rotate(token)
  if (rotation.state !== 'rotated') throw new Error(`unexpectedly ${rotation.state}`)
  return rotation
}

describe('issue', () => {
  it('stores a digest and never the token', async () => {
    const { token, familyId } = await issue()
    expect(token).toMatch(/^[\w-]{43}$/)
    const [row] = await world.admin<{ token_hash: Buffer; text: string }>(
      'select token_hash, to_jsonb(t)::text as text from refresh_tokens t where family_id = $1',
      [familyId],
    )
    expect(row?.token_hash).toEqual(createHash('sha256').update(token).digest())
    expect(row?.text).not.toContain(token)
  })

  it('refuses a user of another company', async () => {
    // The user exists, so the foreign key has nothing to say; a token is the tenant's in which it is issued.
    const issued = world.tokens.issue({ tenantId: borealis, userId: crypto.randomUUID(), expiresAt: inAnHour() })
    await expect(issued).rejects.toMatchObject({ code: '23503' })
  })
})

describe('rotate', () => {
  it('exchanges a token for its successor in the same family', async () => {
    const first = await issue()
    const second = await rotated(first.token)
    expect(second).toMatchObject({ userId: acmeRep.id, tenantId: acme, familyId: first.familyId })
    expect(second.token).not.toBe(first.token)
    expect(await rotated(second.token)).toMatchObject({ familyId: first.familyId })
  })

  it('gives the successor the life of its predecessor, or the one that is asked for', async () => {
    const { expiresAt } = await rotated((await issue(inAnHour())).token)
    expect(Math.abs(expiresAt.getTime() - inAnHour().getTime())).toBeLessThan(5_000)
    const asked = new Date(Date.now() + 7_000)
    const rotation = await world.tokens.rotate((await issue()).token, { expiresAt: asked })
    expect(rotation).toMatchObject({ state: 'rotated', expiresAt: asked })
  })

  it('ends the whole family when an old token is used again, and leaves every other family alone', async () => {
    const [first, other] = [await issue(), await issue()]
    const second = await rotated(first.token)
    expect(await world.tokens.rotate(first.token)).toEqual({
      ...{ state: 'reused', familyId: first.familyId, userId: acmeRep.id, tenantId: acme },
    })
    expect(await world.tokens.rotate(second.token)).toEqual({ state: 'revoked' })
    expect(await world.tokens.rotate(first.token)).toEqual({ state: 'revoked' })
    expect(await rotated(other.token)).toBeDefined()
  })

  it('lets one of many rotations at the same instant succeed, and then ends the family', async () => {
    const { token } = await issue()
    const rotations = await Promise.all(Array.from({ length: 8 }, () => world.tokens.rotate(token)))
    expect(rotations.map(({ state }) => state).sort()).toEqual([
      'reused',
      ...Array<string>(6).fill('revoked'),
      'rotated',
    ])
    const winner = rotations.find((rotation) => rotation.state === 'rotated')
    expect(await world.tokens.rotate(winner?.token ?? '')).toEqual({ state: 'revoked' })
  })

  it('misses no successor that is made while the family ends', async () => {
    for (let round = 0; round < 15; round++) {
      const old = await issue()
      const current = await rotated(old.token)
      const [, rotation] = await Promise.all([world.tokens.rotate(old.token), world.tokens.rotate(current.token)])
      const left = rotation.state === 'rotated' ? await world.tokens.rotate(rotation.token) : rotation
      expect(left).toEqual({ state: 'revoked' })
    }
  })

  it('refuses an expired token, and one that was never issued', async () => {
    expect(await world.tokens.rotate((await issue(new Date(Date.now() - 1_000))).token)).toEqual({ state: 'expired' })
    for (const token of ['', 'x', 'a'.repeat(43), '\0'])
      expect(await world.tokens.rotate(token)).toEqual({ state: 'unknown' })
  })

  it('refuses a user who was disabled', async () => {
    const { token } = await issue(inAnHour(), acmeRep2)
    await world.admin('update users set disabled_at = now() where id = $1', [acmeRep2.id])
    expect(await world.tokens.rotate(token)).toEqual({ state: 'revoked' })
  })
})

describe('revokeByToken', () => {
  it('ends the family of the token and says whose it was', async () => {
    const first = await issue()
    const second = await rotated(first.token)
    expect(await world.tokens.revokeByToken(first.token)).toEqual({ userId: acmeRep.id, tenantId: acme })
    expect(await world.tokens.rotate(second.token)).toEqual({ state: 'revoked' })
  })

  it('says nothing of an unknown token', async () => {
    expect(await world.tokens.revokeByToken('unknown')).toBeUndefined()
  })
})

describe('deleteExpired', () => {
  it('forgets what expired and keeps the rest', async () => {
    const [expired, good] = [await issue(new Date(Date.now() - 1_000)), await issue()]
    expect(await world.tokens.deleteExpired()).toBeGreaterThanOrEqual(1)
    expect(await world.tokens.rotate(expired.token)).toEqual({ state: 'unknown' })
    expect(await rotated(good.token)).toBeDefined()
  })
})
