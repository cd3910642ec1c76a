import type { Knex } from 'knex'
import type { CallEffect } from '../domain/webhook.js'
import type { CallFacts } from '../domain/call.js'
import type { AnnouncedCall, NamedCall } from '../domain/call-news.js'
import { rowSet } from './row-set.js'
import { isUuid } from './values.js'

/** A call's row as its facts fold into it. */
export interface CallRecord extends NamedCall {
  facts: CallFacts
  announced: AnnouncedCall
}

/** The rows that an effect may be about, in the place of the effect: the one of our own id alone, else the oldest first. */
export type Candidates = CallRecord[][]

// Once any event of a room has named its call, the room is that call's, whoever has a call of the room's name: by what the
// table holds, where a call of another id than the name was named by the room's metadata, else by the batch itself. What
// shows nothing of its room but the name, as an egress does, goes by that alone.
const roomsCall = `coalesce(
    (select array[c.id] from livekit_call_events e join call_logs c on c.id = e.call_id
      where e.room_sid = named.room_sid and e.call_id is not null order by c.external_id = named.external_id limit 1),
    (select array[d.by_id] from named d where d.room_sid = named.room_sid and d.by_id is not null limit 1))`
const roomsName = `(select d.by_name from named d where d.room_sid = named.room_sid and not d.roomless and d.call_id is null
    and d.by_name is not null limit 1)`

const wants = rowSet<ReturnType<typeof wantOf>>('w', {
  n: 'integer',
  call_id: 'uuid',
  provider: 'text',
  external_id: 'text',
  own: 'boolean',
  room_sid: 'text',
  roomless: 'boolean',
})

/**
 * Locks the rows of all effects in order of their ids, in one trip. A row is found by our own id of the call, else by the
 * room that an earlier event bound to a call, else by the provider's id, of which each company may have one.
 */
export async function lockCalls(trx: Knex.Transaction, effects: readonly CallEffect[]): Promise<Candidates> {
  if (effects.length === 0) return []
  const { rows } = await trx.raw<{ rows: (CallRecord & { wanted: number[] })[] }>(
    `with named as materialized (
       select n, call_id, room_sid, external_id, roomless,
         (select id from call_logs where w.call_id is not null and id = w.call_id and call_logs.provider = w.provider) as by_id,
         (select array_agg(id) from call_logs where (w.call_id is null or w.own) and call_logs.provider = w.provider
           and call_logs.external_id = w.external_id) as by_name
       from ${wants.from}),
     found as materialized (
       select n, unnest(case when by_id is not null then array[by_id] when call_id is not null or room_sid is null then
         case when not roomless then by_name end
         else coalesce(${roomsCall}, case when not roomless then by_name else ${roomsName} end) end) as id
       from named),
     wanted as materialized (select id, array_agg(n) as wanted from found group by id)
     select c.id, c.tenant_id as "tenantId", c.user_id as "userId", c.lead_id as "leadId", c.provider,
       c.external_id as "externalId", c.facts, c.announced, wanted.wanted
     from call_logs c join wanted on wanted.id = c.id where c.id = any (array(select id from wanted))
     order by c.id for update of c`,
    wants.bindings(effects.map(wantOf)),
  )
  const candidates: Candidates = effects.map(() => [])
  for (const { wanted, ...row } of rows) for (const n of wanted) candidates[n]?.push(row)
  return candidates
}

const wantOf = ({ callId, provider, externalId, tenant, livekit }: CallEffect, n: number) => ({
  n,
  call_id: callId !== undefined && isUuid(callId) ? callId : null,
  provider,
  external_id: externalId,
  // What may make a row may also be found by the provider's id, whatever id of ours it names.
  own: tenant !== undefined,
  room_sid: livekit?.roomSid ?? null,
  roomless: livekit?.roomless ?? false,
})
