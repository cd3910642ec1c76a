import type { Fields, Task } from '../domain/resource.js'
import { taskEvents } from '../domain/resource-events.js'
import type { Database } from './database.js'
import { byCreation, lastWhenNull, type Listing } from './page.js'
import { createResourceStore } from './resource.js'
import { assertLead, assertOwner, given, ownOnly, tieRefusals } from './resource-ties.js'

export interface TaskFilter {
  owner?: string | undefined
  lead?: string | undefined
  status?: string | undefined
  /** Due at or after, and before; RFC 3339. */
  from?: string | undefined
  to?: string | undefined
}

const dueLast = lastWhenNull('due_at')

export const taskListing: Listing = {
  table: 'tasks',
  columns: `id, owner_user_id as "ownerUserId", lead_id as "leadId", title, status, due_at as "dueAt",
    completed_at as "completedAt", notes, created_at as "createdAt", updated_at as "updatedAt"`,
  sorts: { ...byCreation, due_at: { sql: dueLast, type: 'timestamptz' } },
}

/** When a task of this status became done. */
function completion({ status }: Fields<Task>, before: Task | undefined): Pick<Fields<Task>, 'completedAt'> {
  if (status === undefined || status === before?.status) return {}
  return { completedAt: status === 'done' ? new Date() : null }
}

/** What users have to do; each sees the own, leadership all. */
export const createTaskStore = (database: Pick<Database, 'withTenant'>) =>
  createResourceStore<Task, Fields<Task>, TaskFilter>(database, {
    listing: taskListing,
    fields: {
      ownerUserId: 'owner_user_id',
      leadId: 'lead_id',
      title: 'title',
      status: 'status',
      dueAt: 'due_at',
      completedAt: 'completed_at',
      notes: 'notes',
    },
    conditions: (actor, { owner, lead, status, from, to }) => [
      ...(actor.role === 'leadership' ? [] : [ownOnly(actor)]),
      ...given(
        ['owner_user_id = ?', owner],
        ['lead_id = ?', lead],
        ['status = ?', status],
        [`(${dueLast}) >= ?`, from],
        [`(${dueLast}) < ?`, to],
      ),
    ],
    prepare: async (trx, _author, fields, before) => {
      if (fields.ownerUserId !== before?.ownerUserId) await assertOwner(trx, fields.ownerUserId)
      if (fields.leadId !== before?.leadId) await assertLead(trx, fields.leadId)
      return { ...fields, ...completion(fields, before) }
    },
    events: taskEvents,
    refusals: tieRefusals('tasks'),
  })

export type TaskStore = ReturnType<typeof createTaskStore>
