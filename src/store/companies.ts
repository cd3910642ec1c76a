import { companyEvents } from '../domain/resource-events.js'
import type { Database } from './database.js'
import { createResourceStore } from './resource.js'

/** A tenant. */
export interface Company {
  id: string
  name: string
  /** IANA name, such as Europe/Berlin. */
  timezone: string
  createdAt: Date
  updatedAt: Date
}

interface CompanyFields {
  name?: string | undefined
  timezone?: string | undefined
}

/** The actor's company: everybody of it reads it, its leadership changes it. */
export function createCompanyStore(database: Pick<Database, 'withTenant'>) {
  const { find, change } = createResourceStore<Company, CompanyFields, object>(database, {
    listing: {
      table: 'companies',
      columns: `id, name, timezone, created_at as "createdAt", updated_at as "updatedAt"`,
      sorts: {},
    },
    fields: { name: 'name', timezone: 'timezone' },
    conditions: () => [],
    prepare: async (_trx, _author, fields) => fields,
    events: companyEvents,
  })
  return { find, change }
}

export type CompanyStore = ReturnType<typeof createCompanyStore>
