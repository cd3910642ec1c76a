import type { Actor } from '../domain/identity.js'
import type { Page, PageRequest } from '../domain/page.js'
import type { Avatar } from '../domain/personal-context.js'
import type { Database } from './database.js'
import { byCreation, type Listing } from './page.js'
import { createResourceStore } from './resource.js'
import { createRevisionCache } from './revision-cache.js'
import { json } from './values.js'

export interface AvatarFilter {
  active?: boolean | undefined
}

export type AvatarFields = { [K in keyof Omit<Avatar, 'id' | 'createdAt' | 'updatedAt'>]?: Avatar[K] | undefined }

const listing: Listing = {
  table: 'mentor_avatars',
  columns: `id, name, description, persona_id as "personaId", replica_id as "replicaId", language,
    image_url as "imageUrl", active, metadata, created_at as "createdAt", updated_at as "updatedAt"`,
  sorts: byCreation,
}

/** Pages, of any company. */
const maxEntries = 500

/** The versions of all its rows, as PostgreSQL counts them; a company has few. */
const revisionQuery = `select coalesce(string_agg(xmin::text || ctid::text, ' ' order by id), '') as revision
  from mentor_avatars where tenant_id = ?`

/** Avatars that a company offers: everybody of it reads them, from memory while none has changed; leadership writes them. */
export function createAvatarStore(
  database: Pick<Database, 'withTenant'>,
  { cacheMs, now }: { cacheMs: number; now?: (() => number) | undefined },
) {
  const pages = createRevisionCache<Page<Avatar>>({ ttlMs: cacheMs, maxEntries, now })
  const store = createResourceStore<Avatar, AvatarFields, AvatarFilter>(database, {
    listing,
    fields: {
      name: 'name',
      description: 'description',
      personaId: 'persona_id',
      replicaId: 'replica_id',
      language: 'language',
      imageUrl: 'image_url',
      active: 'active',
      metadata: 'metadata',
    },
    conditions: (_actor, { active }) => (active === undefined ? [] : [['active = ?', [active]]]),
    prepare: async (_trx, _author, fields) => fields,
    events: () => [],
  })

  async function revision(actor: Actor): Promise<string> {
    const { rows } = await database.withTenant(actor, (trx) =>
      trx.raw<{ rows: { revision: string }[] }>(revisionQuery, [actor.tenantId]),
    )
    return rows[0]?.revision ?? ''
  }

  return {
    ...store,
    async list(actor: Actor, request: PageRequest<AvatarFilter>): Promise<Page<Avatar>> {
      const asked = () => revision(actor)
      const { value } = await pages.read(`${actor.tenantId} ${json(request)}`, {
        revision: asked,
        // The revision first: what changes in between is then found changed the next time.
        load: async () => ({ revision: await asked(), value: await store.list(actor, request) }),
      })
      return value
    },
  }
}

export type AvatarStore = ReturnType<typeof createAvatarStore>
