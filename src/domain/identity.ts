/** Roles of the product: what each may do is in the routes and, for rows, in the database's policies. */
export const roles = ['leadership', 'csr', 'rep'] as const
export type Role = (typeof roles)[number]

/** Who acts, as the access token says; the tenant comes from nowhere else. */
export interface Actor {
  tenantId: string
  userId: string
  role: Role
}

/** What an API key may do: read or write the routes of one tag. */
export type Scope = `${string}:${'read' | 'write'}`

/** The bearer of a valid token. A token without a company has no tenant and reaches no tenant's rows. */
export interface Caller {
  userId: string
  email?: string | undefined
  tenantId?: string | undefined
  role?: Role | undefined
  /** Of an API key, whose id is the user's; a person has none, and may whatever the role may. */
  key?: { name: string; scopes: readonly string[] } | undefined
  /** When the token ends, in milliseconds since the epoch; absent for what does not end by itself. */
  expiresAt?: number | undefined
}

/** An API key that was presented, when there is such a one. */
export interface PresentedKey {
  id: string
  tenantId: string
  name: string
  role: Role
  scopes: string[]
  /** Milliseconds since the epoch. */
  expiresAt: number
  state: 'valid' | 'expired' | 'revoked'
}

/** What our tables say of a token's bearer now; of somebody who is not in them, nothing. */
export interface BearerStanding {
  /** The user or the company has been disabled, or the user is another company's. */
  ended: boolean
  role: Role | null
}

/** Of two roles the one that may less: a role that was taken away is not kept by a token that still says it. */
export const lesserRole = (a: Role, b: Role): Role => (roles.indexOf(a) > roles.indexOf(b) ? a : b)

/** What is known here of the bearer of a Clerk token. */
export interface ClerkBearer {
  /** Our user; within the company, when the organisation is one of ours. */
  userId: string | null
  email: string | null
  tenantId: string | null
  /** The user, or the company, has been disabled. */
  disabled: boolean
}

/** The caller as an actor inside a tenant; undefined when the token names no company. */
export function actorOf(caller: Caller | undefined): Actor | undefined {
  if (!caller?.tenantId) return undefined
  return { tenantId: caller.tenantId, userId: caller.userId, role: caller.role ?? 'rep' }
}

/**
 * Role of a member of an organisation at Clerk: its own `org:admin`, and a custom `org:leadership`, lead the company; a
 * custom `org:csr` is its customer service; whoever else belongs to it (`org:member`, roles that we do not know) is a rep,
 * the least there is.
 */
export function roleOfClerk(role: unknown): Role {
  if (role === 'org:admin' || role === 'org:leadership') return 'leadership'
  return role === 'org:csr' ? 'csr' : 'rep'
}
