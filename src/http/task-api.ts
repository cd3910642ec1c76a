import { z } from 'zod'
import type { Actor } from '../domain/identity.js'
import { roles } from '../domain/identity.js'
import { type Fields, type Task, taskStatuses } from '../domain/resource.js'
import { changesSomething, idField, iso, shownTime, textField, timeField } from './fields.js'
import { between, listQuery, pageRequest } from './listing.js'
import { assertMayAssign } from './ownership.js'

const fields = {
  title: textField(200),
  status: z.enum(taskStatuses),
  owner_user_id: idField('a user')
    .nullable()
    .meta({ description: 'Who has to do it; the caller unless leadership says another, or null for nobody' }),
  lead_id: idField('a lead').nullable(),
  due_at: timeField.nullable(),
  notes: textField(5000).nullable(),
}

const optional = z.object(fields).partial().shape
const example = { title: 'Call back', due_at: '2026-03-02T09:00:00Z' }

export const taskBody = z.strictObject({ ...optional, title: fields.title }).meta({ id: 'NewTask', example })
export const taskChange = z
  .strictObject(optional)
  .refine(...changesSomething)
  .meta({ id: 'TaskChange', example: { status: 'done' } })

const taskQuery = listQuery(
  {
    owner: idField('a user').optional(),
    lead: idField('a lead').optional(),
    status: z.enum(taskStatuses).optional(),
    ...between(timeField, 'Due'),
  },
  ['-created_at', 'created_at', 'due_at', '-due_at'],
)

export const taskSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    status: z.enum(taskStatuses),
    owner_user_id: z.string().nullable(),
    lead_id: z.string().nullable(),
    due_at: shownTime.nullable(),
    completed_at: shownTime.nullable().meta({ description: 'When it became done' }),
    notes: z.string().nullable(),
    created_at: shownTime,
    updated_at: shownTime,
  })
  .meta({
    id: 'Task',
    example: {
      id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d03',
      title: 'Call back',
      status: 'open',
      owner_user_id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d77',
      lead_id: null,
      due_at: '2026-03-02T09:00:00.000Z',
      completed_at: null,
      notes: null,
      created_at: '2026-03-01T10:00:00.000Z',
      updated_at: '2026-03-01T10:00:00.000Z',
    },
  })

const presentTask = (row: Task): z.input<typeof taskSchema> => ({
  id: row.id,
  title: row.title,
  status: row.status,
  owner_user_id: row.ownerUserId,
  lead_id: row.leadId,
  due_at: iso(row.dueAt),
  completed_at: iso(row.completedAt),
  notes: row.notes,
  created_at: iso(row.createdAt) ?? '',
  updated_at: iso(row.updatedAt) ?? '',
})

function fieldsOf(actor: Actor, body: z.output<typeof taskChange>): Fields<Task> {
  const { owner_user_id: ownerUserId, lead_id: leadId, due_at: due, ...rest } = body
  assertMayAssign(actor, ownerUserId, ['leadership'])
  return { ...rest, ownerUserId, leadId, dueAt: due == null ? due : new Date(due) }
}

/** How tasks are spoken of over HTTP. */
export const taskApi = {
  what: 'a task',
  name: 'Task',
  path: '/tasks',
  tag: 'tasks',
  summaries: {
    list: 'My tasks; leadership sees the company’s',
    create: 'Make a task, for oneself unless leadership says for whom',
    change: 'Change a task; absent fields stay, null takes a value away',
    remove: 'Remove a task',
  },
  query: taskQuery,
  requestOf: (query: z.output<typeof taskQuery>) => pageRequest(query),
  body: taskBody,
  changeBody: taskChange,
  schema: taskSchema,
  present: presentTask,
  fieldsOfNew: (actor: Actor, { owner_user_id: owner, ...body }: z.output<typeof taskBody>) =>
    fieldsOf(actor, { ...body, owner_user_id: owner === undefined ? actor.userId : owner }),
  fieldsOfChange: fieldsOf,
  removers: roles,
}
