import { z } from 'zod'
import { type Actor, roles } from '../domain/identity.js'
import { type Goal, goalStatuses } from '../domain/personal-context.js'
import { changesSomething, iso, shownTime, textField } from './fields.js'
import { listQuery, pageRequest } from './listing.js'

const fields = {
  title: textField(200),
  description: textField(2000).nullable(),
  status: z.enum(goalStatuses),
  // The years that the database has.
  target_date: z.iso
    .date()
    .refine((day) => !day.startsWith('0000'), 'must be within the years 1 to 9999')
    .nullable(),
}
const optional = z.object(fields).partial().shape

const goalBody = z
  .strictObject({ ...optional, title: fields.title })
  .meta({ id: 'NewGoal', example: { title: 'Sleep before midnight', target_date: '2026-12-31' } })
const goalChange = z
  .strictObject(optional)
  .refine(...changesSomething)
  .meta({ id: 'GoalChange', example: { status: 'achieved' } })

const goalQuery = listQuery({ status: z.enum(goalStatuses).optional() }, ['-created_at', 'created_at'])

const goalSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    description: z.string().nullable(),
    status: z.enum(goalStatuses),
    target_date: z.string().nullable().meta({ format: 'date' }),
    created_at: shownTime,
    updated_at: shownTime,
  })
  .meta({
    id: 'Goal',
    example: {
      id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d04',
      title: 'Sleep before midnight',
      description: null,
      status: 'active',
      target_date: '2026-12-31',
      created_at: '2026-03-01T10:00:00.000Z',
      updated_at: '2026-03-01T10:00:00.000Z',
    },
  })

const presentGoal = (row: Goal): z.input<typeof goalSchema> => ({
  id: row.id,
  title: row.title,
  description: row.description,
  status: row.status,
  target_date: row.targetDate,
  created_at: iso(row.createdAt) ?? '',
  updated_at: iso(row.updatedAt) ?? '',
})

const fieldsOf = ({ target_date: targetDate, ...rest }: z.output<typeof goalChange>) => ({ ...rest, targetDate })

/** How goals are spoken of over HTTP. */
export const goalApi = {
  what: 'a goal',
  name: 'Goal',
  path: '/me/goals',
  tag: 'mentor',
  summaries: {
    list: 'My goals; nobody else sees them',
    create: 'Set a goal',
    change: 'Change a goal; absent fields stay, null takes a value away',
    remove: 'Remove a goal for good',
  },
  query: goalQuery,
  requestOf: (query: z.output<typeof goalQuery>) => pageRequest(query),
  body: goalBody,
  changeBody: goalChange,
  schema: goalSchema,
  present: presentGoal,
  fieldsOfNew: (actor: Actor, body: z.output<typeof goalBody>) => ({ ...fieldsOf(body), userId: actor.userId }),
  fieldsOfChange: (_actor: Actor, change: z.output<typeof goalChange>) => fieldsOf(change),
  removers: roles,
}
