import type { EventName, NewEvent } from './event.js'
import type { Appointment, AppointmentStatus, Author, Lead, LeadStatus, Task, TaskStatus } from './resource.js'

// What the log says of a changed row: ids, states and times, never names, numbers or notes, which stay in the row.

interface Changed {
  /** Who did it. */
  by: string
  /** Names of the fields that changed, as the API has them; absent where the row was made or removed. */
  changes?: readonly string[]
}

export interface LeadData extends Changed {
  lead_id: string
  status: LeadStatus
  owner_user_id: string | null
}

export interface AppointmentData extends Changed {
  appointment_id: string
  lead_id: string | null
  owner_user_id: string | null
  status: AppointmentStatus
  starts_at: string
  ends_at: string
}

export interface TaskData extends Changed {
  task_id: string
  lead_id: string | null
  owner_user_id: string | null
  status: TaskStatus
  due_at: string | null
}

export interface UserData extends Changed {
  user_id: string
  role: string
  disabled: boolean
}

/** A row before and after; absent before it was made, and after it was removed. */
export interface Change<R> {
  author: Author
  before?: R | undefined
  after?: R | undefined
  /** Names of the changed fields, as the API has them. */
  changes?: readonly string[] | undefined
}

interface Owned {
  ownerUserId: string | null
}

const textOf = (id: string | null | undefined) => id ?? undefined

const changedBy = ({ author, changes }: Pick<Change<unknown>, 'author' | 'changes'>): Changed => ({
  by: author.userId,
  ...(changes && { changes }),
})

/** `<name>.created`, `.updated` or `.deleted`. */
const verbOf = ({ before, after }: Change<unknown>) => (!before ? 'created' : after ? 'updated' : 'deleted')

const formerOwner = ({ before, after }: Change<Owned>): string | undefined =>
  before && after && before.ownerUserId !== after.ownerUserId ? textOf(before.ownerUserId) : undefined

const isAssigned = ({ before, after }: Change<Owned>): boolean =>
  after !== undefined && after.ownerUserId !== null && after.ownerUserId !== before?.ownerUserId

type Head = Pick<NewEvent, 'tenantId' | 'traceId'>
const headOf = ({ tenantId, traceId }: Author): Head => ({ tenantId, traceId })

/** The entries for a changed lead, to its owner. */
export function leadEvents(change: Change<Lead>): NewEvent[] {
  const row = change.after ?? change.before
  if (!row) return []
  const data: LeadData = {
    lead_id: row.id,
    status: row.status,
    owner_user_id: row.ownerUserId,
    ...changedBy(change),
  }
  return [
    {
      ...headOf(change.author),
      event: `lead.${verbOf(change)}`,
      userId: textOf(row.ownerUserId),
      leadId: row.id,
      data: { ...data },
    },
  ]
}

const iso = (at: Date | null) => at?.toISOString() ?? null

/** The entries for a changed appointment: to its owner, that it was assigned, and to whoever had it, that it is gone. */
export function appointmentEvents(change: Change<Appointment>): NewEvent[] {
  const row = change.after ?? change.before
  if (!row) return []
  const data: AppointmentData = {
    appointment_id: row.id,
    lead_id: row.leadId,
    owner_user_id: row.ownerUserId,
    status: row.status,
    starts_at: row.startsAt.toISOString(),
    ends_at: row.endsAt.toISOString(),
    ...changedBy(change),
  }
  const entry = entryOf(change.author, row, { ...data })
  return [
    entry(`appointment.${verbOf(change)}`),
    ...(isAssigned(change) ? [entry('appointment.assigned')] : []),
    ...unassigned(formerOwner(change), (userId) => entry('appointment.unassigned', userId)),
  ]
}

/** The entries for a changed task: to its assignee, and to whoever had it before. */
export function taskEvents(change: Change<Task>): NewEvent[] {
  const row = change.after ?? change.before
  if (!row) return []
  const data: TaskData = {
    task_id: row.id,
    lead_id: row.leadId,
    owner_user_id: row.ownerUserId,
    status: row.status,
    due_at: iso(row.dueAt),
    ...changedBy(change),
  }
  const entry = entryOf(change.author, row, { ...data })
  return [
    entry(`task.${verbOf(change)}`),
    ...unassigned(formerOwner(change), (userId) => entry('task.unassigned', userId)),
  ]
}

const entryOf =
  (author: Author, row: Owned & { leadId: string | null }, data: Record<string, unknown>) =>
  (event: EventName, userId = textOf(row.ownerUserId)): NewEvent => ({
    ...headOf(author),
    event,
    userId,
    leadId: textOf(row.leadId),
    data,
  })

const unassigned = (former: string | undefined, entry: (userId: string) => NewEvent): NewEvent[] =>
  former === undefined ? [] : [entry(former)]

/** The entry for a user that leadership made or changed. */
export function userEvents(change: Change<{ id: string; role: string; disabledAt: Date | null }>): NewEvent[] {
  const { author, before, after } = change
  if (!after) return []
  const data: UserData = {
    user_id: after.id,
    role: after.role,
    disabled: after.disabledAt !== null,
    ...changedBy(change),
  }
  const event = before ? 'identity.user.updated' : 'identity.user.created'
  return [{ ...headOf(author), event, userId: after.id, data: { ...data } }]
}

/** The entry for a company that leadership changed. */
export const companyEvents = ({ author, changes }: Change<unknown>): NewEvent[] => [
  {
    ...headOf(author),
    event: 'identity.organization.updated',
    data: { company_id: author.tenantId, ...changedBy({ author, changes }) },
  },
]
