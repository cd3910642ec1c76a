import type { Actor, BearerStanding, ClerkBearer } from '../domain/identity.js'
import type { Database } from './database.js'
import { cleanText, isUuid } from './values.js'

/** What stands behind a token: whether it still counts, and who a Clerk user and organisation are with us. */
export function createIdentityLookup(database: Pick<Database, 'statement'>) {
  return {
    /** What is said of a bearer of our own tokens now; whoever we do not know is left to the token. */
    standingOf: async ({
      userId,
      tenantId,
    }: {
      userId: string
      tenantId?: string | undefined
    }): Promise<BearerStanding> => {
      const values = [isUuid(userId) ? userId : null, tenantId ?? null]
      return (await database.statement<BearerStanding>(standing, values))[0] ?? { ended: false, role: null }
    },

    /**
     * Which of those who are connected count no more: disabled, moved to another company, of a lesser role, or a key that
     * was revoked. The role of whoever is known by Clerk is the token's, which does not live long.
     * @returns their places in the list
     */
    endedAmong: async (actors: readonly Actor[]): Promise<number[]> => {
      const of = (name: keyof Actor) => actors.map((actor) => actor[name])
      const rows = await database.statement<{ place: string }>(endedAmong, [of('tenantId'), of('userId'), of('role')])
      return rows.map(({ place }) => Number(place) - 1)
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
  select u.role, coalesce(u.disabled_at, c.disabled_at) is not null or coalesce(u.company_id <> $2::uuid, false) as ended
  from (select) as one left join users u on u.id = $1::uuid left join companies c on c.id = $2::uuid`

const rank = (role: string) => `array_position(array['leadership', 'csr', 'rep'], ${role})`
const endedAmong = `
  select b.place from unnest($1::text[], $2::text[], $3::text[]) with ordinality as b (tenant, bearer, role, place)
  cross join lateral (select case when bearer ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then bearer::uuid end as id) as known
  left join companies c on c.id = b.tenant::uuid
  left join users u on u.id = known.id
  left join api_keys k on k.id = known.id
  where coalesce(c.disabled_at, u.disabled_at, k.revoked_at) is not null or u.company_id <> b.tenant::uuid
    or (u.clerk_user_id is null and ${rank('u.role')} > ${rank('b.role')})`

const bearer = `
  with organization as (
    select c.id, c.disabled_at from integrations i join companies c on c.id = i.tenant_id
    where i.provider = 'clerk' and i.account = $2)
  select u.id as "userId", u.user_email as email, o.id as "tenantId",
    coalesce(u.disabled_at, o.disabled_at) is not null as disabled
  from (select) as one
  left join organization o on true
  left join users u on u.clerk_user_id = $1 and (o.id is null or u.company_id = o.id)`
