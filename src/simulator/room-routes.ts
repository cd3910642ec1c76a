import Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import { isoOrNull } from './clock.js'
import type { Conversation } from './conversation.js'
import type { Conversations } from './conversations.js'
import { parse } from './invalid.js'
import type { Lifecycle } from './lifecycle.js'
import { tokenRefusal } from './meeting-token.js'
import { type PageFile, readPages } from './pages.js'
import type { Watchers } from './watchers.js'

const visitor = z.strictObject({
  participant_id: z.string().min(1).max(100).optional(),
  token: z.string().max(4000).optional(),
})

/** A person whose page is gone counts as gone after this; a reload is back earlier. */
const presenceGraceMs = 3000

export interface RoomDeps {
  conversations: Conversations
  lifecycle: Lifecycle
  watchers: Watchers
}

/** What the room's page shows of a conversation. */
export const presentRoom = (conversation: Conversation) => ({
  conversation_id: conversation.id,
  status: conversation.status,
  avatar_joined: conversation.joinedAt !== null,
  participants: conversation.participants.length,
  ended_at: isoOrNull(conversation.endedAt),
})

/** The Daily room: its page, and what the page tells of the people in it. */
export function roomRoutes({ conversations, lifecycle, watchers }: RoomDeps): Router {
  const router = new Router()
  const pages = readPages()
  const show = (file: PageFile) => (ctx: Context) => {
    ctx.type = pages[file].type
    ctx.set('cache-control', 'no-store')
    ctx.body = pages[file].body
  }

  router.get('/room-assets/room.css', show('room.css'))
  router.get('/room-assets/room.js', show('room.js'))
  router.get('/room/:id', show('room.html'))
  router.get('/hosted/:id', (ctx) => ctx.redirect(`/room/${encodeURIComponent(ctx.params.id ?? '')}`))

  router.post('/room/:id/join', (ctx) => {
    const conversation = findRoom(ctx)
    if (conversation === undefined) return
    const { participant_id, token } = parse(visitor, ctx.request.body)
    const refused = refusal(conversation, participant_id, token)
    if (refused) return refuse(ctx, refused[0], refused[1])
    ctx.body = { participant_id: lifecycle.enter(conversation, participant_id), ...presentRoom(conversation) }
  })

  router.post('/room/:id/leave', (ctx) => {
    const conversation = findRoom(ctx)
    if (conversation === undefined) return
    lifecycle.leave(conversation, parse(visitor, ctx.request.body).participant_id)
    ctx.body = presentRoom(conversation)
  })

  router.get('/room/:id/status', (ctx) => {
    const conversation = findRoom(ctx)
    if (conversation === undefined) return
    ctx.set('cache-control', 'no-store')
    if (ctx.accepts('json', 'text/event-stream') === 'text/event-stream') watch(ctx, conversation)
    else ctx.body = presentRoom(conversation)
  })

  function findRoom(ctx: Context & { params: Record<string, string> }): Conversation | undefined {
    const conversation = conversations.findListed(ctx.params.id ?? '')
    if (conversation === undefined) refuse(ctx, 404, 'no-room')
    return conversation
  }

  /** Follows the room; a page that names its visitor keeps that visitor present. */
  function watch(ctx: Context, conversation: Conversation): void {
    const { res } = ctx
    ctx.respond = false
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' })
    watchers.add(conversation.id, res)
    res.write(`retry: 1000\ndata: ${JSON.stringify(presentRoom(conversation))}\n\n`)
    const { participant } = ctx.query
    if (typeof participant === 'string') keepPresent(conversation, participant, res)
  }

  const streamsOf = new Map<string, number>()

  function keepPresent(conversation: Conversation, participant: string, res: Context['res']): void {
    streamsOf.set(participant, (streamsOf.get(participant) ?? 0) + 1)
    res.once('close', () => {
      const left = (streamsOf.get(participant) ?? 1) - 1
      if (left > 0) return void streamsOf.set(participant, left)
      streamsOf.delete(participant)
      const goneUnlessBack = () => streamsOf.has(participant) || lifecycle.leave(conversation, participant)
      setTimeout(goneUnlessBack, presenceGraceMs).unref()
    })
  }

  return router
}

/** Why somebody may not come in, in the words of Daily's fatal errors (daily-js index.d.ts). */
function refusal(
  conversation: Conversation,
  participant?: string,
  token?: string,
): [status: number, error: string] | undefined {
  if (conversation.status === 'ended') return [410, 'exp-room']
  const { participants, meetingToken, request } = conversation
  if (participant !== undefined && participants.includes(participant)) return undefined
  const refused = meetingToken === null ? undefined : tokenRefusal(meetingToken, token)
  if (refused) return [403, refused]
  // The replica counts as one.
  const full = typeof request.max_participants === 'number' && participants.length + 1 >= request.max_participants
  return full ? [403, 'meeting-full'] : undefined
}

function refuse(ctx: Context, status: number, error: string): void {
  ctx.status = status
  ctx.body = { error }
}
