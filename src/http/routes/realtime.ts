import { z } from 'zod'
import {
  ForbiddenError,
  InvalidRequestError,
  NotFoundError,
  ParleyError,
  UnavailableError,
} from '../../domain/errors.js'
import { roles } from '../../domain/identity.js'
import { channelOf, parseEventId } from '../../realtime/control.js'
import { RealtimeError } from '../../realtime/errors.js'
import { type Envelope, envelopeOf } from '../../realtime/message.js'
import type { Services } from '../../services.js'
import type { AppContext } from '../context.js'
import { takeUpgrade } from '../realtime/upgrade.js'
import { type Incoming, type Route, route } from '../route.js'

const ticketSchema = z
  .object({
    ticket: z.string().meta({ description: 'For `/ws?ticket=…`; good for one connection' }),
    expires_in: z.int().meta({ description: 'Seconds' }),
  })
  .meta({ id: 'WebSocketTicket', example: { ticket: 'mJ1x…', expires_in: 30 } })

const envelopeSchema = z
  .object({
    version: z.literal('1'),
    id: z.string(),
    event: z.string(),
    ts: z.string().meta({ description: 'RFC 3339, UTC' }),
    severity: z.enum(['info', 'warning', 'error']),
    trace_id: z.string().nullable(),
    tenant_id: z.string(),
    user_id: z.string().nullable(),
    lead_id: z.string().nullable(),
    data: z.record(z.string(), z.unknown()).meta({ description: 'As docs/events.md has it for each event' }),
  })
  .meta({ id: 'Event' })

const noStore = { 'Cache-Control': 'no-store' }
const tags = ['realtime']
const eventIdText = z.string().regex(/^\d{1,18}$/, 'must be the id of an event')

type Deps = Pick<Services, 'realtime'>

/** Events as they happen: WebSockets, their tickets, server-sent events, and single events. */
export function realtimeRoutes({ realtime }: Deps): Route[] {
  const { tickets, webSockets, eventStreams, feed } = realtime
  return [
    route({
      method: 'get',
      path: '/ws',
      operationId: 'connectWebSocket',
      summary: 'Open a WebSocket',
      description:
        'The token comes in the Authorization header, as the subprotocols `parley.v1, bearer.<token>`, or as a ticket. ' +
        'Messages, channels, codes and events are in docs/events.md.',
      tags,
      auth: 'required',
      roles,
      limits: false,
      request: { query: z.strictObject({ ticket: z.string().min(1).max(200).optional() }) },
      responses: {
        101: { description: 'The connection speaks WebSocket from here on' },
        400: { description: 'The handshake is not one of WebSocket 13' },
        426: { description: 'The request does not ask for a WebSocket' },
      },
      handler(incoming) {
        refuseAtTheEnd()
        const upgrade = takeValidUpgrade(incoming.ctx)
        const { actor, caller, ctx } = incoming
        ctx.respond = false
        const headers = { 'X-Request-Id': incoming.requestId, 'X-Trace-Id': incoming.traceId }
        webSockets.accept(ctx.req, upgrade, { actor, expiresAt: caller.expiresAt, headers })
        return { status: 101 as const }
      },
    }),
    route({
      method: 'post',
      path: '/ws/tickets',
      operationId: 'createWebSocketTicket',
      summary: 'Get a ticket for a WebSocket',
      description: 'For browsers and tools that can send neither a header nor a subprotocol.',
      tags,
      // Who has the ticket listens: to write is not enough.
      keyScope: 'realtime:read',
      auth: 'required',
      roles,
      request: { body: z.strictObject({}) },
      responses: { 201: { description: 'Good for one use', schema: ticketSchema } },
      async handler({ actor, caller }) {
        const ticket = await tickets.issue({ ...actor, expiresAt: caller.expiresAt })
        return { status: 201, headers: noStore, body: { ticket, expires_in: tickets.seconds } }
      },
    }),
    route({
      method: 'get',
      path: '/events',
      operationId: 'streamEvents',
      summary: 'A channel as server-sent events',
      description: 'The same events, checks and limits as by WebSocket; the channel’s name says what is streamed.',
      tags,
      auth: 'required',
      roles,
      request: {
        query: z.strictObject({
          channel: z.string().min(1).max(300).meta({ description: 'Such as `tenant:{id}:events`' }),
          since: eventIdText.optional().meta({ description: 'Replays what came after this event first' }),
        }),
        headers: z.object({
          'last-event-id': eventIdText.optional().meta({ description: 'As `since`, and before it' }),
        }),
      },
      responses: {
        200: { description: 'Events, until one side ends it', schema: z.string(), contentType: 'text/event-stream' },
        403: { description: 'The channel is not the caller’s' },
      },
      async handler(incoming) {
        refuseAtTheEnd()
        const { query, headers } = incoming
        const since = headers['last-event-id'] ?? query.since
        const body = await openStream(incoming, query.channel, since === undefined ? undefined : parseEventId(since))
        return { status: 200, headers: { ...noStore, 'X-Accel-Buffering': 'no' }, body: body as never }
      },
    }),
    route({
      method: 'get',
      path: '/events/:event_id',
      operationId: 'getEvent',
      summary: 'One event, whole',
      description: 'Messages beyond 32 KiB hold only `{ref, resource}`: this is the resource.',
      tags,
      auth: 'required',
      roles,
      request: { params: z.object({ event_id: z.string().regex(/^\d{1,18}$/, 'must be the id of an event') }) },
      responses: {
        200: { description: 'The event', schema: envelopeSchema },
        404: { description: 'None that the caller may see' },
      },
      async handler({ params, actor }) {
        const row = await feed.find(actor, params.event_id)
        if (!row) throw new NotFoundError('no such event')
        return { status: 200, headers: noStore, body: envelopeOf(row) as Envelope & { id: string; severity: 'info' } }
      },
    }),
  ]

  function refuseAtTheEnd(): void {
    if (webSockets.isClosing()) throw new UnavailableError('the server is going away', 'shutting_down', 1)
  }

  async function openStream(
    { ctx, actor, caller, signal }: Omit<Incoming, 'query' | 'headers'>,
    name: string,
    since?: bigint,
  ) {
    try {
      return await eventStreams.open({
        actor,
        channel: channelOf(name),
        since,
        expiresAt: caller?.expiresAt,
        signal,
        network: { waitingBytes: () => ctx.res.writableLength, takenBytes: () => ctx.req.socket.bytesWritten },
      })
    } catch (error) {
      throw error instanceof RealtimeError ? asHttpError(error) : error
    }
  }
}

function asHttpError({ code, message }: RealtimeError): ParleyError {
  const wrong = (pointer: string) => new InvalidRequestError(`${pointer}: ${message}`, [{ pointer, detail: message }])
  if (code === 'invalid_channel') return wrong('query/channel')
  if (code === 'unknown_event') return wrong('query/since')
  if (code === 'channel_forbidden') return new ForbiddenError(message, code)
  return new UnavailableError(message)
}

const keyForm = /^[+/0-9A-Za-z]{22}==$/

/** Refuses like any other request what could not be answered any more once the connection is taken over. */
function takeValidUpgrade(ctx: AppContext) {
  const isOther = ctx.get('Sec-WebSocket-Version') !== '13'
  if (isOther) ctx.set('Sec-WebSocket-Version', '13')
  if (isOther || !/^websocket$/i.test(ctx.get('Upgrade'))) {
    ctx.set('Upgrade', 'websocket')
    throw new ParleyError('upgrade_required', 426, 'Upgrade Required', 'this address speaks WebSocket, version 13')
  }
  if (!keyForm.test(ctx.get('Sec-WebSocket-Key')) || !/^[\w.~+=, -]*$/.test(ctx.get('Sec-WebSocket-Protocol')))
    throw new InvalidRequestError('the handshake of the WebSocket is not valid', undefined, 400)
  const upgrade = takeUpgrade(ctx.req, ctx.res)
  if (!upgrade) throw new UnavailableError('this server takes no WebSockets')
  return upgrade
}
