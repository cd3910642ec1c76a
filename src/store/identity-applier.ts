import type { Knex } from 'knex'
import { type EntityNews, foldEntity, type MembershipFacts, type UserFacts } from '../domain/identity-mirror.js'
import type { MembershipChange, OrganizationChange, UserChange } from '../domain/webhook.js'
import { loadEntity, loadMemberships, membershipId, saveEntity } from './clerk-entities.js'
import { companyOf, mirrorCompany } from './mirrored-companies.js'
import { mirrorMember, mirroredBefore } from './mirrored-members.js'
import { findUser } from './mirrored-users.js'
import type { Applied, Applier, EffectOf } from './receipt-applier.js'

/** Space of the advisory lock under which the mirror changes. */
const lockSpace = 7202

/**
 * Mirrors companies, users and roles. One transaction at a time: users and companies hang together, such events are few,
 * and each is worked out from all that was told before, so that their order does not matter.
 */
export const applyToIdentity: Applier<'identity'> = async (trx, pending) => {
  await trx.raw(`select pg_advisory_xact_lock(${lockSpace}, 0)`)
  const applied: Applied[] = []
  for (const { effect } of pending) applied.push(await applyOne(trx, effect))
  return applied
}

async function applyOne(trx: Knex.Transaction, effect: EffectOf<'identity'>): Promise<Applied> {
  switch (effect.entity) {
    case 'user':
      return await applyUser(trx, effect)
    case 'organization':
      return await applyOrganization(trx, effect)
    case 'membership':
      return await applyMembership(trx, effect)
    case 'other': {
      const company = effect.organizationId === undefined ? undefined : await companyOf(trx, effect.organizationId)
      return { state: 'applied', tenantId: company?.tenantId, events: [] }
    }
  }
}

type Change = UserChange | OrganizationChange | MembershipChange

const newsOf = <F>({ deleted, updatedAt, sentAt }: Change, facts: F): EntityNews<F> =>
  deleted ? { deleted, updatedAt, sentAt } : { deleted, updatedAt, sentAt, facts }

async function applyOrganization(trx: Knex.Transaction, change: OrganizationChange): Promise<Applied> {
  const { organizationId, name } = change
  const before = await loadEntity(trx, 'organization', organizationId)
  const state = foldEntity(before, newsOf(change, { name }))
  await saveEntity(trx, 'organization', { organizationId }, state)
  // A deletion makes no company; it is kept for the one that may yet be told of.
  if (!state.change && !(await companyOf(trx, organizationId))) return unknown('no such organisation')
  return { state: 'applied', ...(await mirrorCompany(trx, { organizationId, state })) }
}

async function applyMembership(trx: Knex.Transaction, change: MembershipChange): Promise<Applied> {
  const { organizationId, userId, organizationName, email, displayName, role } = change
  const known = await loadEntity(trx, 'membership', membershipId(organizationId, userId))
  const facts: MembershipFacts = { email, displayName, role, organizationName }
  const state = foldEntity(known, newsOf(change, facts), 'repeated')
  const save = () => saveEntity(trx, 'membership', { organizationId, userId }, state)
  return await kept(trx, save, async () => {
    const company = await companyOf(trx, organizationId)
    if (!company && !state.change) return unknown('no such organisation')
    const before = await mirroredBefore(trx, userId, company?.tenantId)
    await save()
    const organization = await loadEntity(trx, 'organization', organizationId)
    const stub = { organizationId, state: organization, stubName: organizationName }
    const { tenantId, events } = await mirrorCompany(trx, stub)
    const member = await mirrorMember(trx, { clerkUserId: userId, tenantId, before })
    return 'state' in member ? member : { state: 'applied', tenantId, ...member, events: [...events, ...member.events] }
  })
}

/** An event of a user names no company: it is the one of the row, or of the memberships that were told. */
async function applyUser(trx: Knex.Transaction, change: UserChange): Promise<Applied> {
  const { userId, email, displayName } = change
  const facts: UserFacts = { email, displayName }
  const state = foldEntity(await loadEntity(trx, 'user', userId), newsOf(change, facts))
  const save = () => saveEntity(trx, 'user', { userId }, state)
  return await kept(trx, save, async () => {
    const row = await findUser(trx, userId)
    const memberships = row ? [] : await loadMemberships(trx, userId)
    const tenantId = row?.tenantId ?? memberships.find((one) => one.tenantId && one.state.change)?.tenantId
    if (tenantId === undefined) return unknown('no such user')
    const before = await mirroredBefore(trx, userId, tenantId)
    await save()
    const member = await mirrorMember(trx, { clerkUserId: userId, tenantId, before })
    return 'state' in member ? member : { state: 'applied', tenantId, ...member }
  })
}

/**
 * Undoes what cannot be applied. Of what may apply later only the entity is kept, so that whatever comes next knows of it;
 * of what never will, nothing.
 */
async function kept(trx: Knex.Transaction, save: () => Promise<void>, work: () => Promise<Applied>): Promise<Applied> {
  await trx.raw('savepoint identity')
  const applied = await work()
  if (applied.state !== 'applied') await trx.raw('rollback to savepoint identity')
  if (applied.state === 'unknown') await save()
  await trx.raw('release savepoint identity')
  return applied
}

const unknown = (reason: string): Applied => ({ state: 'unknown', reason })
