import type { Knex } from 'knex'
import type { Actor } from '../domain/identity.js'
import type { Precondition, Revised } from '../domain/page.js'
import { type QuietHours, usualQuietHours } from '../domain/quiet-hours.js'
import type { Database } from './database.js'
import { asRefusal } from './refusals.js'
import { assertRevision, revised } from './revision.js'

/** What a company says of its quiet hours. */
export interface QuietHoursSetting {
  /** Null: the company's own zone. */
  timezone: string | null
  from: string | null
  to: string | null
  /** The zone that counts. */
  effectiveTimezone: string
  /** Null while nobody has said anything, and the usual hours count. */
  updatedAt: Date | null
}

interface Stored {
  companyTimezone: string
  timezone: string | null
  from: string | null
  to: string | null
  updatedAt: Date | null
}

const stored = `select c.timezone as "companyTimezone", q.timezone, to_char(q.quiet_from, 'HH24:MI') as "from",
    to_char(q.quiet_to, 'HH24:MI') as "to", q.updated_at as "updatedAt"
  from companies c left join quiet_hours q on q.tenant_id = c.id where c.id = ?`

/** Reads what counts for a company; undefined when there is none such. */
async function select(trx: Knex.Transaction, tenantId: string, lock = ''): Promise<QuietHoursSetting | undefined> {
  const { rows } = await trx.raw<{ rows: Stored[] }>(`${stored} ${lock}`, [tenantId])
  const [row] = rows
  if (!row) return undefined
  const { companyTimezone, ...said } = row
  const hours = said.updatedAt === null ? usualQuietHours : { from: said.from, to: said.to }
  return { ...said, ...hours, effectiveTimezone: said.timezone ?? companyTimezone }
}

/** The hours that count for a company, in a transaction of the service. */
export async function quietHoursOf(trx: Knex.Transaction, tenantId: string): Promise<QuietHours | undefined> {
  const setting = await select(trx, tenantId)
  return setting && { timezone: setting.effectiveTimezone, from: setting.from, to: setting.to }
}

/** When a company calls and writes to nobody; its leadership's to see and to set. */
export function createQuietHoursStore(database: Pick<Database, 'withTenant'>) {
  return {
    find: async (actor: Actor): Promise<Revised<QuietHoursSetting> | undefined> => {
      const setting = await database.withTenant(actor, (trx) => select(trx, actor.tenantId))
      return setting && revised(setting)
    },

    /**
     * @returns undefined when the company is not there
     * @throws PreconditionFailedError when it is not as the author last saw it
     */
    replace: async (
      actor: Actor,
      precondition: Precondition,
      { timezone, from, to }: Pick<QuietHoursSetting, 'timezone' | 'from' | 'to'>,
    ): Promise<Revised<QuietHoursSetting> | undefined> => {
      try {
        return await database.withTenant(actor, async (trx) => {
          // The company's row is there, also when nothing was ever said: it is held in its place.
          const before = await select(trx, actor.tenantId, 'for update of c')
          if (!before) return undefined
          assertRevision(before, precondition)
          await trx.raw(
            `insert into quiet_hours (tenant_id, timezone, quiet_from, quiet_to) values (?, ?, ?, ?)
             on conflict (tenant_id) do update set timezone = excluded.timezone, quiet_from = excluded.quiet_from,
               quiet_to = excluded.quiet_to, updated_at = now()`,
            [actor.tenantId, timezone, from, to],
          )
          const after = await select(trx, actor.tenantId)
          return after && revised(after)
        })
      } catch (error) {
        throw asRefusal(error)
      }
    },
  }
}

export type QuietHoursStore = ReturnType<typeof createQuietHoursStore>
