import { z } from 'zod'
import type { Actor } from '../domain/identity.js'
import { type Appointment, appointmentStatuses, type Fields } from '../domain/resource.js'
import { changesSomething, idField, iso, shownTime, textField, timeField } from './fields.js'
import { office, ownerField } from './lead-api.js'
import { between, listQuery, pageRequest } from './listing.js'
import { assertMayAssign } from './ownership.js'

const fields = {
  title: textField(200),
  status: z.enum(appointmentStatuses),
  owner_user_id: ownerField,
  lead_id: idField('a lead').nullable(),
  starts_at: timeField,
  ends_at: timeField.meta({ description: 'After starts_at' }),
  location: textField(500).nullable(),
  notes: textField(5000).nullable(),
}

const optional = z.object(fields).partial().shape
const example = { title: 'First visit', starts_at: '2026-03-05T09:00:00Z', ends_at: '2026-03-05T09:30:00Z' }

export const appointmentBody = z
  .strictObject({ ...optional, title: fields.title, starts_at: fields.starts_at, ends_at: fields.ends_at })
  .meta({ id: 'NewAppointment', example })
export const appointmentChange = z
  .strictObject(optional)
  .refine(...changesSomething)
  .meta({ id: 'AppointmentChange', example: { status: 'confirmed' } })

const appointmentQuery = listQuery(
  {
    owner: idField('a user').optional(),
    lead: idField('a lead').optional(),
    status: z.enum(appointmentStatuses).optional(),
    ...between(timeField, 'Begins'),
  },
  ['starts_at', '-starts_at', 'created_at', '-created_at'],
)

export const appointmentSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    status: z.enum(appointmentStatuses),
    owner_user_id: z.string().nullable(),
    lead_id: z.string().nullable(),
    starts_at: shownTime,
    ends_at: shownTime,
    location: z.string().nullable(),
    notes: z.string().nullable(),
    created_at: shownTime,
    updated_at: shownTime,
  })
  .meta({
    id: 'Appointment',
    example: {
      id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d02',
      title: 'First visit',
      status: 'scheduled',
      owner_user_id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d77',
      lead_id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d01',
      starts_at: '2026-03-05T09:00:00.000Z',
      ends_at: '2026-03-05T09:30:00.000Z',
      location: null,
      notes: null,
      created_at: '2026-03-01T10:00:00.000Z',
      updated_at: '2026-03-01T10:00:00.000Z',
    },
  })

const presentAppointment = (row: Appointment): z.input<typeof appointmentSchema> => ({
  id: row.id,
  title: row.title,
  status: row.status,
  owner_user_id: row.ownerUserId,
  lead_id: row.leadId,
  starts_at: row.startsAt.toISOString(),
  ends_at: row.endsAt.toISOString(),
  location: row.location,
  notes: row.notes,
  created_at: iso(row.createdAt) ?? '',
  updated_at: iso(row.updatedAt) ?? '',
})

function fieldsOf(actor: Actor, body: z.output<typeof appointmentChange>): Fields<Appointment> {
  const { owner_user_id: ownerUserId, lead_id: leadId, starts_at: begin, ends_at: end, ...rest } = body
  assertMayAssign(actor, ownerUserId, office)
  return { ...rest, ownerUserId, leadId, startsAt: dateOf(begin), endsAt: dateOf(end) }
}

const dateOf = (time: string | undefined) => (time === undefined ? undefined : new Date(time))

/** How appointments are spoken of over HTTP. */
export const appointmentApi = {
  what: 'an appointment',
  name: 'Appointment',
  path: '/appointments',
  tag: 'appointments',
  summaries: {
    list: 'The company’s appointments, the first to begin first; of a rep the own ones',
    create: 'Book an appointment; a rep’s is the rep’s own',
    change: 'Move, assign, confirm or cancel an appointment; absent fields stay',
    remove: 'Remove an appointment that should not have been; one that does not take place is cancelled by its status',
  },
  query: appointmentQuery,
  requestOf: (query: z.output<typeof appointmentQuery>) => pageRequest(query),
  body: appointmentBody,
  changeBody: appointmentChange,
  schema: appointmentSchema,
  present: presentAppointment,
  fieldsOfNew: (actor: Actor, { owner_user_id: owner, ...body }: z.output<typeof appointmentBody>) =>
    fieldsOf(actor, { ...body, owner_user_id: owner === undefined && actor.role === 'rep' ? actor.userId : owner }),
  fieldsOfChange: fieldsOf,
  removers: office,
}
