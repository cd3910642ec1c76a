import type { Appointment, Fields } from '../domain/resource.js'
import { appointmentEvents } from '../domain/resource-events.js'
import type { Database } from './database.js'
import { byCreation, type Listing } from './page.js'
import { invalidField } from './refusals.js'
import { createResourceStore } from './resource.js'
import { assertLead, assertOwner, given, ownOnly, tieRefusals } from './resource-ties.js'

export interface AppointmentFilter {
  owner?: string | undefined
  lead?: string | undefined
  status?: string | undefined
  /** Begins at or after, and before; RFC 3339. */
  from?: string | undefined
  to?: string | undefined
}

export const appointmentListing: Listing = {
  table: 'appointments',
  columns: `id, owner_user_id as "ownerUserId", lead_id as "leadId", title, status, starts_at as "startsAt",
    ends_at as "endsAt", location, notes, created_at as "createdAt", updated_at as "updatedAt"`,
  sorts: { starts_at: { sql: 'starts_at', type: 'timestamptz' }, ...byCreation },
}

const noEnd = () => invalidField('/ends_at', 'must be after starts_at')

/** The bookings of a company, with its office or the rep that owns them. */
export const createAppointmentStore = (database: Pick<Database, 'withTenant'>) =>
  createResourceStore<Appointment, Fields<Appointment>, AppointmentFilter>(database, {
    listing: appointmentListing,
    fields: {
      ownerUserId: 'owner_user_id',
      leadId: 'lead_id',
      title: 'title',
      status: 'status',
      startsAt: 'starts_at',
      endsAt: 'ends_at',
      location: 'location',
      notes: 'notes',
    },
    conditions: (actor, { owner, lead, status, from, to }) => [
      ...(actor.role === 'rep' ? [ownOnly(actor)] : []),
      ...given(
        ['owner_user_id = ?', owner],
        ['lead_id = ?', lead],
        ['status = ?', status],
        ['starts_at >= ?', from],
        ['starts_at < ?', to],
      ),
    ],
    prepare: async (trx, _author, fields, before) => {
      const begin = fields.startsAt ?? before?.startsAt
      const end = fields.endsAt ?? before?.endsAt
      if (begin && end && end <= begin) throw noEnd()
      if (fields.ownerUserId !== before?.ownerUserId) await assertOwner(trx, fields.ownerUserId)
      if (fields.leadId !== before?.leadId) await assertLead(trx, fields.leadId)
      return fields
    },
    events: appointmentEvents,
    refusals: tieRefusals('appointments'),
  })

export type AppointmentStore = ReturnType<typeof createAppointmentStore>
