import type { Fields, Lead } from '../domain/resource.js'
import { leadEvents } from '../domain/resource-events.js'
import type { Database } from './database.js'
import { namePrefix } from './name-prefix.js'
import { byCreation, type Listing } from './page.js'
import { conflict, invalidField } from './refusals.js'
import { createResourceStore } from './resource.js'
import { assertOwner, given, ownOnly } from './resource-ties.js'

export interface LeadFilter {
  owner?: string | undefined
  status?: string | undefined
  /** How its name begins. */
  name?: string | undefined
  phone?: string | undefined
  email?: string | undefined
  externalId?: string | undefined
  /** Made at or after, and before; RFC 3339. */
  from?: string | undefined
  to?: string | undefined
}

export const leadListing: Listing = {
  table: 'leads',
  columns: `id, external_id as "externalId", name, status, owner_user_id as "ownerUserId", phone, email, source, notes,
    created_at as "createdAt", updated_at as "updatedAt"`,
  sorts: {
    ...byCreation,
    updated_at: { sql: 'updated_at', type: 'timestamptz' },
    name: { sql: 'name_key', type: 'text' },
  },
}

/** The leads of a company, with its office or the rep that owns them. */
export const createLeadStore = (database: Pick<Database, 'withTenant'>) =>
  createResourceStore<Lead, Fields<Lead>, LeadFilter>(database, {
    listing: leadListing,
    fields: {
      externalId: 'external_id',
      name: 'name',
      status: 'status',
      ownerUserId: 'owner_user_id',
      phone: 'phone',
      email: 'email',
      source: 'source',
      notes: 'notes',
    },
    conditions: (actor, { owner, status, name, phone, email, externalId, from, to }) => [
      ...(actor.role === 'rep' ? [ownOnly(actor)] : []),
      ...namePrefix(name),
      ...given(
        ['owner_user_id = ?', owner],
        ['status = ?', status],
        ['phone = ?', phone],
        ['email = ?', email],
        ['external_id = ?', externalId],
        ['created_at >= ?', from],
        ['created_at < ?', to],
      ),
    ],
    prepare: async (trx, _author, fields, before) => {
      if (fields.ownerUserId !== before?.ownerUserId) await assertOwner(trx, fields.ownerUserId)
      return fields
    },
    events: leadEvents,
    refusals: {
      leads_external_key: () => conflict('another lead has the external id', 'external_id_taken'),
      leads_owner_fkey: () => invalidField('/owner_user_id', 'must be an active user of the company'),
    },
  })

export type LeadStore = ReturnType<typeof createLeadStore>
