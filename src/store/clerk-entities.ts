import type { Knex } from 'knex'
import type { EntityState, MembershipFacts, OrganizationFacts, UserFacts } from '../domain/identity-mirror.js'
import { json } from './values.js'

interface FactsOf {
  user: UserFacts
  organization: OrganizationFacts
  membership: MembershipFacts
}

type Entity = keyof FactsOf

interface EntityRow {
  externalId: string
  organizationId: string | null
  // The driver gives a bigint as text.
  updatedAt: string | null
  sentAt: string | null
  facts: object | null
  deletedAt: string | null
}

const columns = `external_id as "externalId", organization_id as "organizationId", updated_at as "updatedAt",
  sent_at as "sentAt", facts, deleted_at as "deletedAt"`

/** A membership under the organisation and the user, not under its own id, which is new each time somebody returns. */
export const membershipId = (organizationId: string, userId: string) => `${organizationId} ${userId}`

function stateOf<F>({ updatedAt, sentAt, facts, deletedAt }: EntityRow): EntityState<F> {
  return {
    change: facts === null ? undefined : { updatedAt: Number(updatedAt), sentAt: Number(sentAt), facts: facts as F },
    deletedAt: deletedAt === null ? undefined : Number(deletedAt),
  }
}

/** What Clerk said of an entity so far. */
export async function loadEntity<E extends Entity>(
  trx: Knex.Transaction,
  entity: E,
  externalId: string,
): Promise<EntityState<FactsOf[E]>> {
  const { rows } = await trx.raw<{ rows: EntityRow[] }>(
    `select ${columns} from clerk_entities where entity = ? and external_id = ?`,
    [entity, externalId],
  )
  return rows[0] ? stateOf(rows[0]) : {}
}

/** A user's memberships, by organisation, with the company that each organisation is. */
export interface LoadedMembership {
  organizationId: string
  state: EntityState<MembershipFacts>
  organization: EntityState<OrganizationFacts>
  tenantId: string | undefined
}

/** Every membership of a user, the earliest told first. */
export async function loadMemberships(trx: Knex.Transaction, userId: string): Promise<LoadedMembership[]> {
  const { rows } = await trx.raw<{ rows: (EntityRow & { tenantId: string | null; organization: EntityRow | null })[] }>(
    `select m.external_id as "externalId", m.organization_id as "organizationId", m.updated_at as "updatedAt",
       m.sent_at as "sentAt", m.facts, m.deleted_at as "deletedAt", i.tenant_id as "tenantId",
       case when o.external_id is not null then jsonb_build_object('updatedAt', o.updated_at, 'sentAt', o.sent_at,
         'facts', o.facts, 'deletedAt', o.deleted_at) end as organization
     from clerk_entities m
     left join clerk_entities o on o.entity = 'organization' and o.external_id = m.organization_id
     left join integrations i on i.provider = 'clerk' and i.account = m.organization_id
     where m.entity = 'membership' and m.user_id = ? order by m.updated_at, m.external_id`,
    [userId],
  )
  return rows.map((row) => ({
    organizationId: row.organizationId ?? '',
    state: stateOf(row),
    organization: row.organization ? stateOf(row.organization) : {},
    tenantId: row.tenantId ?? undefined,
  }))
}

/** Keeps what is known of an entity now; the caller has folded it under the lock of the mirror. */
export async function saveEntity<E extends Entity>(
  trx: Knex.Transaction,
  entity: E,
  key: { organizationId?: string | undefined; userId?: string | undefined },
  { change, deletedAt }: EntityState<FactsOf[E]>,
): Promise<void> {
  const { organizationId, userId } = key
  const externalId =
    organizationId !== undefined && userId !== undefined
      ? membershipId(organizationId, userId)
      : (organizationId ?? userId ?? '')
  await trx.raw(
    `insert into clerk_entities (entity, external_id, organization_id, user_id, updated_at, sent_at, facts, deleted_at)
     values (:entity, :externalId, :organizationId, :userId, :updatedAt, :sentAt, cast(:facts as jsonb), :deletedAt)
     on conflict (entity, external_id) do update set updated_at = excluded.updated_at, sent_at = excluded.sent_at,
       facts = excluded.facts, deleted_at = excluded.deleted_at`,
    {
      entity,
      externalId,
      organizationId: organizationId ?? null,
      userId: userId ?? null,
      updatedAt: change?.updatedAt ?? null,
      sentAt: change?.sentAt ?? null,
      facts: change ? json(change.facts) : null,
      deletedAt: deletedAt ?? null,
    },
  )
}
