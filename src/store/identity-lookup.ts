import type { ClerkBearer } from '../domain/identity.js'
import type { Database } from './database.js'
import { cleanText, isUuid } from './values.js'

/** What stands behind a token: whether it still counts, and who a Clerk user and organisation are with us. */
export function createIdentityLookup(database: Pick<Database, 'statement'>) {
  return {
    /** Whether the user or the company has been disabled; whoever we do not know has not. */
    isDisabled: async ({ userId, tenantId }: { userId: string; tenantId?: string | undefined }): Promise<boolean> => {
      const values = [isUuid(userId) ? userId : null, tenantId ?? null]
      return (await database.statement<{ disabled: boolean }>(standing, values))[0]?.disabled ?? false
    },

    ofClerk: async ({
      clerkUserId,
      organizationId,
    }: {
      clerkUserId: string
      organizationId: string | undefined
    }): Promise<ClerkBearer> => {
      const values = [cleanText(clerkUserId), organizationId === undefined ? null : cleanText(organizationId)]
      const [found] = await database.statement<ClerkBearer>(bearer, values)
      return found ?? { userId: null, email: null, tenantId: null, disabled: false }
    },
  }
}

export type IdentityLookup = ReturnType<typeof createIdentityLookup>

const standing = `
  select exists (select from users where id = $1::uuid and disabled_at is not null)
    or exists (select from companies where id = $2::uuid and disabled_at is not null) as disabled`

const bearer = `
  with organization as (
    select c.id, c.disabled_at from integrations i join companies c on c.id = i.tenant_id
    where i.provider = 'clerk' and i.account = $2)
  select u.id as "userId", u.user_email as email, o.id as "tenantId",
    coalesce(u.disabled_at, o.disabled_at) is not null as disabled
  from (select) as one
  left join organization o on true
  left join users u on u.clerk_user_id = $1 and (o.id is null or u.company_id = o.id)`
