import type { CallFact, CallFacts } from '../../domain/call.js'
import { type Stay, viewRoom } from '../../domain/call-room.js'
import { type Fields, fieldsOf } from '../json.js'
import type { LivekitClient } from './client.js'

/** A call that is not over, as far as we know. */
export interface OpenCall {
  id: string
  externalId: string
  facts: CallFacts
}

interface KnownRoom {
  sid: string
  name: string
}

/** Names in one question. */
const atOnce = 100

/**
 * Asks LiveKit for the rooms of open calls, and gives the webhooks that it must have sent since: rooms and people that are
 * gone, and people who came. They carry the time of the asking, as no better one is known; a webhook that comes after all
 * corrects it. A call of which nothing was ever seen is left alone: its room may be yet to come.
 */
export async function missedEvents(
  client: LivekitClient,
  calls: readonly OpenCall[],
  now: () => number = Date.now,
): Promise<Buffer[]> {
  const known = calls.map((call) => ({ call, rooms: openRooms(Object.values(call.facts).flat()) }))
  const names = [...new Set(known.flatMap(({ call, rooms }) => [call.externalId, ...rooms.map(({ name }) => name)]))]
  const open: Fields[] = []
  for (let n = 0; n < names.length; n += atOnce) open.push(...(await client.rooms(names.slice(n, n + atOnce))))
  const events: object[] = []
  for (const { call, rooms } of known) events.push(...(await missedOf(client, call, rooms, open)))
  const createdAt = String(Math.floor(now() / 1000))
  return events.map((event) => Buffer.from(JSON.stringify({ ...event, createdAt })))
}

/** Rooms that were seen and not seen closed. */
function openRooms(facts: readonly CallFact[]): KnownRoom[] {
  const rooms = facts.filter((fact) => fact.type === 'room')
  const closed = new Set(rooms.flatMap(({ sid, finishedAt }) => (finishedAt === undefined ? [] : [sid])))
  return [...new Map(rooms.filter(({ sid }) => !closed.has(sid)).map(({ sid, name }) => [sid, { sid, name }])).values()]
}

async function missedOf(
  client: LivekitClient,
  call: OpenCall,
  rooms: readonly KnownRoom[],
  open: readonly Fields[],
): Promise<object[]> {
  const metadata = JSON.stringify({ call_id: call.id })
  const sids = new Set(open.map(({ sid }) => sid))
  const gone = rooms
    .filter(({ sid }) => !sids.has(sid))
    .map((room) => ({ event: 'room_finished', id: `reconcile-${room.sid}`, room: { ...room, metadata } }))
  const names = new Set([call.externalId, ...rooms.map(({ name }) => name)])
  const there = open.filter(({ name }) => typeof name === 'string' && names.has(name))
  const people: object[] = []
  for (const room of there) people.push(...(await missedPeople(client, call, { ...room, metadata })))
  return [...gone, ...people]
}

async function missedPeople(client: LivekitClient, call: OpenCall, room: Fields): Promise<object[]> {
  const present = await client.participants(String(room.name))
  const stays = viewRoom(Object.values(call.facts).flat())?.stays ?? []
  const knownSids = new Set(stays.map(({ sid }) => sid))
  const presentSids = new Set(present.map(({ sid }) => sid))
  const came = present
    .filter(({ sid, state }) => typeof sid === 'string' && !knownSids.has(sid) && state === 'ACTIVE')
    .map((participant) => ({
      event: 'participant_joined',
      id: `reconcile-${String(participant.sid)}-in`,
      room,
      participant,
    }))
  const left = stays
    .filter(({ sid, over, aborted }) => !over && !aborted && !presentSids.has(sid))
    .map((stay) => ({ event: 'participant_left', id: `reconcile-${stay.sid}-out`, room, participant: leftOf(stay) }))
  return [...came, ...left]
}

const leftOf = ({ sid, identity, sip }: Stay) => fieldsOf({ sid, identity, ...(sip && { kind: 'SIP' }) })
