import { z } from 'zod'
import type { Actor } from '../domain/identity.js'
import { type Fields, type Lead, leadStatuses } from '../domain/resource.js'
import { changesSomething, emailField, idField, iso, phoneField, shownTime, textField, timeField } from './fields.js'
import { between, listQuery, pageRequest } from './listing.js'
import { assertMayAssign } from './ownership.js'

export const office = ['leadership', 'csr'] as const

export const ownerField = idField('a user')
  .nullable()
  .meta({ description: 'Whose it is; null for nobody’s. Of a rep always the rep’s own' })

const fields = {
  name: textField(200),
  status: z.enum(leadStatuses),
  owner_user_id: ownerField,
  phone: phoneField
    .nullable()
    .meta({ description: 'Kept in E.164; calls and messages of this number become the lead’s' }),
  email: emailField.toLowerCase().max(320).nullable(),
  source: textField(200).nullable(),
  notes: textField(5000).nullable(),
  external_id: textField(200).nullable().meta({ description: 'Its id elsewhere, unique within the company' }),
}

const { name, ...others } = z.object(fields).partial().shape
const example = { name: 'Grace Hopper', phone: '+14155552671', email: 'grace@example.com', source: 'web form' }

export const leadBody = z.strictObject({ ...others, name: name.unwrap() }).meta({ id: 'NewLead', example })
export const leadChange = z
  .strictObject({ ...others, name })
  .refine(...changesSomething)
  .meta({ id: 'LeadChange', example: { status: 'contacted' } })

const leadQuery = listQuery(
  {
    owner: idField('a user').optional(),
    status: z.enum(leadStatuses).optional(),
    name: textField(200).optional().meta({ description: 'How its name begins, in whatever case' }),
    phone: phoneField.optional(),
    email: emailField.toLowerCase().optional(),
    external_id: textField(200).optional(),
    ...between(timeField, 'Made'),
  },
  ['-created_at', 'created_at', 'name', '-name', 'updated_at', '-updated_at'],
)

export const leadSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.enum(leadStatuses),
    owner_user_id: z.string().nullable(),
    phone: z.string().nullable(),
    email: z.string().nullable(),
    source: z.string().nullable(),
    notes: z.string().nullable(),
    external_id: z.string().nullable(),
    created_at: shownTime,
    updated_at: shownTime,
  })
  .meta({
    id: 'Lead',
    example: {
      ...example,
      id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d01',
      status: 'new',
      owner_user_id: null,
      notes: null,
      external_id: null,
      created_at: '2026-03-01T10:00:00.000Z',
      updated_at: '2026-03-01T10:00:00.000Z',
    },
  })

const presentLead = (row: Lead): z.input<typeof leadSchema> => ({
  id: row.id,
  name: row.name,
  status: row.status,
  owner_user_id: row.ownerUserId,
  phone: row.phone,
  email: row.email,
  source: row.source,
  notes: row.notes,
  external_id: row.externalId,
  created_at: iso(row.createdAt) ?? '',
  updated_at: iso(row.updatedAt) ?? '',
})

function fieldsOf(actor: Actor, body: z.output<typeof leadChange>): Fields<Lead> {
  const { owner_user_id: ownerUserId, external_id: externalId, ...rest } = body
  assertMayAssign(actor, ownerUserId, office)
  return { ...rest, ownerUserId, externalId }
}

/** How leads are spoken of over HTTP. */
export const leadApi = {
  what: 'a lead',
  name: 'Lead',
  path: '/leads',
  tag: 'leads',
  summaries: {
    list: 'The company’s leads; of a rep the own ones',
    create: 'Make a lead; a rep’s is the rep’s own',
    change: 'Change a lead; absent fields stay, null takes a value away',
    remove: 'Remove a lead; its appointments and tasks stay, without it',
  },
  description:
    'Removed for good, so that somebody who asks to be forgotten is; the event log keeps that it was, by its id.',
  query: leadQuery,
  requestOf: ({ external_id: externalId, ...query }: z.output<typeof leadQuery>) =>
    pageRequest({ ...query, externalId }),
  body: leadBody,
  changeBody: leadChange,
  schema: leadSchema,
  present: presentLead,
  fieldsOfNew: (actor: Actor, { owner_user_id: owner, ...body }: z.output<typeof leadBody>) =>
    fieldsOf(actor, { ...body, owner_user_id: owner === undefined && actor.role === 'rep' ? actor.userId : owner }),
  fieldsOfChange: fieldsOf,
  removers: office,
  conflict: 'Another lead has the external id',
}
