/** Roles of the product: what each may do is in the routes and, for rows, in the database's policies. */
export const roles = ['leadership', 'csr', 'rep'] as const
export type Role = (typeof roles)[number]

/** Who acts, as the access token says; the tenant comes from nowhere else. */
export interface Actor {
  tenantId: string
  userId: string
  role: Role
}

/** The bearer of a valid token. A token without a company has no tenant and reaches no tenant's rows. */
export interface Caller {
  userId: string
  email?: string | undefined
  tenantId?: string | undefined
  role?: Role | undefined
  /** When the token ends, in milliseconds since the epoch; absent for what does not end by itself. */
  expiresAt?: number | undefined
}

/** The caller as an actor inside a tenant; undefined when the token names no company. */
export function actorOf(caller: Caller | undefined): Actor | undefined {
  if (!caller?.tenantId) return undefined
  return { tenantId: caller.tenantId, userId: caller.userId, role: caller.role ?? 'rep' }
}
