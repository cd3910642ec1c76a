import type { Goal, GoalStatus } from '../domain/personal-context.js'
import type { Database } from './database.js'
import { ofUser, userOf } from './own-document.js'
import { byCreation, type Listing } from './page.js'
import { createResourceStore } from './resource.js'
import { given } from './resource-ties.js'

export interface GoalFilter {
  status?: GoalStatus | undefined
}

export type GoalFields = { [K in keyof Omit<Goal, 'id' | 'createdAt' | 'updatedAt'>]?: Goal[K] | undefined }

/** As text: the driver would make midnight of this machine of a date. */
export const targetDate = `to_char(target_date, 'YYYY-MM-DD') as "targetDate"`

const listing: Listing = {
  table: 'user_goals',
  columns: `id, user_id as "userId", title, description, status, ${targetDate}, created_at as "createdAt",
    updated_at as "updatedAt"`,
  sorts: byCreation,
}

/** What users want to reach; each sees the own only. No entry in the log tells of them: leadership reads that. */
export const createGoalStore = (database: Pick<Database, 'withTenant'>) =>
  createResourceStore<Goal, GoalFields, GoalFilter>(database, {
    listing,
    fields: {
      userId: 'user_id',
      title: 'title',
      description: 'description',
      status: 'status',
      targetDate: 'target_date',
    },
    conditions: (actor, { status }) => [[ofUser, userOf(actor)], ...given(['status = ?', status])],
    prepare: async (_trx, _author, fields) => fields,
    events: () => [],
  })

export type GoalStore = ReturnType<typeof createGoalStore>
