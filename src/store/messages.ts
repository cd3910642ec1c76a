import type { Knex } from 'knex'
import type { Actor } from '../domain/identity.js'
import type { Page, PageRequest, Revised } from '../domain/page.js'
import type { Database } from './database.js'
import { byCreation, type Condition, type Listing, selectPage } from './page.js'
import { given, ownOnly } from './resource-ties.js'
import { revised } from './revision.js'
import { cleanText, isUuid } from './values.js'

/** A text message as the API shows it. */
export interface Message {
  id: string
  leadId: string | null
  provider: string
  externalId: string
  direction: 'inbound' | 'outbound'
  from: string
  to: string
  /** Null until the text comes. */
  body: string | null
  media: readonly { url: string; contentType?: string | undefined }[]
  status: string
  errorCode: string | null
  sentAt: Date | null
  receivedAt: Date | null
  createdAt: Date
  updatedAt: Date
}

export interface MessageFilter {
  provider?: string | undefined
  direction?: string | undefined
  status?: string | undefined
  lead?: string | undefined
  /** Either side's number. */
  number?: string | undefined
  /** Made at or after, and before; RFC 3339. */
  from?: string | undefined
  to?: string | undefined
}

export const messageListing: Listing = {
  table: 'messages',
  columns: `id, lead_id as "leadId", provider, external_id as "externalId", direction, from_number as "from",
    to_number as "to", body, media, status, error_code as "errorCode", sent_at as "sentAt", received_at as "receivedAt",
    created_at as "createdAt", updated_at as "updatedAt"`,
  sorts: byCreation,
}

/** Text messages of a company: its office's, and those of a rep's leads. */
export function createMessageStore(database: Pick<Database, 'withTenant'>) {
  return {
    list: (actor: Actor, request: PageRequest<MessageFilter>): Promise<Page<Message>> =>
      database.withTenant(actor, (trx) =>
        selectPage<Message>(trx, messageListing, {
          tenantId: actor.tenantId,
          request,
          conditions: conditions(actor, request.filter),
        }),
      ),

    /** One message as the actor may see it. */
    find: async (actor: Actor, id: string): Promise<Revised<Message> | undefined> => {
      const row = isUuid(id) ? await database.withTenant(actor, (trx) => select(trx, id)) : undefined
      return row && revised(row)
    },
  }
}

export type MessageStore = ReturnType<typeof createMessageStore>

async function select(trx: Knex.Transaction, id: string): Promise<Message | undefined> {
  const { rows } = await trx.raw<{ rows: Message[] }>(`select ${messageListing.columns} from messages where id = ?`, [
    id,
  ])
  return rows[0]
}

function conditions(actor: Actor, { provider, direction, status, lead, number, from, to }: MessageFilter): Condition[] {
  return [
    ...(actor.role === 'rep' ? [ofOwnLeads(actor)] : []),
    ...given(
      ['provider = ?', provider],
      ['direction = ?', direction],
      ['status = ?', status],
      ['lead_id = ?', lead],
      ['created_at >= ?', from],
      ['created_at < ?', to],
    ),
    ...(number === undefined ? [] : [either(cleanText(number))]),
  ]
}

const either = (number: string): Condition => ['(from_number = ? or to_number = ?)', [number, number]]

function ofOwnLeads(actor: Actor): Condition {
  const [sql, bindings] = ownOnly(actor)
  return [`lead_id in (select id from leads where ${sql})`, bindings]
}
