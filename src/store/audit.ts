import type { NewEvent } from '../domain/event.js'
import type { Database } from './database.js'
import { appendEvents } from './event-log.js'

/** Entries of a company's log that tell of no change of a row, such as a refusal. */
export const createAudit = (database: Pick<Database, 'withService'>) => ({
  record: async (event: NewEvent): Promise<void> => {
    await database.withService(event.tenantId, (trx) => appendEvents(trx, [event]))
  },
})
