import { type Role, roles } from './identity.js'

/**
 * What is known of one entity of the identity provider: its last change, and its deletion, which are folded apart: so the
 * order in which they come does not matter. Times are epoch milliseconds.
 */
export interface EntityState<F> {
  change?: { updatedAt: number; sentAt: number; facts: F } | undefined
  deletedAt?: number | undefined
}

export interface UserFacts {
  email?: string | undefined
  displayName?: string | undefined
}

export interface OrganizationFacts {
  name?: string | undefined
}

export interface MembershipFacts extends UserFacts {
  role: Role
  organizationName?: string | undefined
}

/** One event of an entity: a change with its facts, or a deletion. */
export type EntityNews<F> = { updatedAt: number; sentAt: number } & ({ deleted: false; facts: F } | { deleted: true })

/**
 * Takes in one event; commutative, associative and idempotent. What is deleted for good (users, organisations: their ids
 * are never given again) was deleted when it was first said; a membership may end, begin anew and end again.
 */
export function foldEntity<F>(
  state: EntityState<F>,
  news: EntityNews<F>,
  deletion: 'final' | 'repeated' = 'final',
): EntityState<F> {
  const { updatedAt, sentAt } = news
  if (news.deleted) {
    const deletedAt = deletion === 'final' ? Math.min : Math.max
    return { ...state, deletedAt: deletedAt(state.deletedAt ?? updatedAt, updatedAt) }
  }
  const change = { updatedAt, sentAt, facts: news.facts }
  return state.change && !isLater(change, state.change) ? state : { ...state, change }
}

type Change<F> = NonNullable<EntityState<F>['change']>

function isLater<F>(a: Change<F>, b: Change<F>): boolean {
  const difference = a.updatedAt - b.updatedAt || a.sentAt - b.sentAt
  // Two words on one moment: which of them wins is arbitrary, but the same in every order.
  return difference > 0 || (difference === 0 && textOf(a.facts) > textOf(b.facts))
}

/** Facts are flat; a database gives their keys back in another order. */
const textOf = (facts: unknown) => JSON.stringify(facts, Object.keys(facts as object).sort())

/** When a user or an organisation was deleted. */
export const endOfEntity = (state: EntityState<unknown> | undefined): number | undefined => state?.deletedAt

/** When a membership ended; one that changed after that has begun anew. */
export function endOfMembership({ change, deletedAt }: EntityState<unknown>): number | undefined {
  return deletedAt !== undefined && deletedAt >= (change?.updatedAt ?? 0) ? deletedAt : undefined
}

/** A membership in one of the organisations of a company. */
export interface CompanyMembership {
  state: EntityState<MembershipFacts>
  organization: EntityState<unknown> | undefined
}

export interface MirroredUser {
  email: string | undefined
  displayName: string | undefined
  role: Role
  disabledAt: number | undefined
  updatedAt: number
}

/**
 * The user's row as a company's memberships make it; undefined while none of them has been told. A user that has a row
 * already (`knownRole` is its role) needs none.
 */
export function mirroredUser(
  user: EntityState<UserFacts> | undefined,
  memberships: readonly CompanyMembership[],
  knownRole?: Role,
): MirroredUser | undefined {
  const told = memberships.flatMap((membership) => toldOf(membership, knownRole) ?? [])
  if (told.length === 0 && knownRole === undefined) return undefined
  told.sort((a, b) => b.updatedAt - a.updatedAt || roles.indexOf(a.facts.role) - roles.indexOf(b.facts.role))
  const live = told.filter(({ end }) => end === undefined)
  const first = (field: keyof UserFacts) =>
    [user?.change, ...told].map((change) => change?.facts[field]).find((value) => value !== undefined)
  const left = told.length > 0 && live.length === 0 ? Math.max(...told.map(({ end }) => end ?? 0)) : undefined
  const held = (live.length > 0 ? live : told.slice(0, 1)).map(({ facts }) => facts.role)
  return {
    email: first('email'),
    displayName: first('displayName'),
    role: roles.find((role) => held.includes(role)) ?? knownRole ?? 'rep',
    disabledAt: earliest([endOfEntity(user), left]),
    updatedAt: Math.max(user?.change?.updatedAt ?? 0, ...told.map(({ updatedAt }) => updatedAt)),
  }
}

/** A membership of which only the end was told counts for a user that is there. */
function toldOf({ state, organization }: CompanyMembership, knownRole: Role | undefined) {
  const end = earliest([endOfMembership(state), endOfEntity(organization)])
  if (state.change) return { ...state.change, end }
  if (knownRole === undefined || end === undefined) return undefined
  return { updatedAt: 0, facts: { role: knownRole } as MembershipFacts, end }
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
