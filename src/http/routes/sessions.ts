import { z } from 'zod'
import { NotFoundError, unknownSession } from '../../domain/errors.js'
import { type Actor, actorOf, type Caller, roles } from '../../domain/identity.js'
import { maySeeSession } from '../../domain/session.js'
import type { Services } from '../../services.js'
import { pageRequest, pageSchema, presentPage } from '../listing.js'
import { type Route, route } from '../route.js'
import type { SessionEnder } from '../session-end.js'
import {
  endAnswer,
  idempotencyHeader,
  presentEnd,
  presentSession,
  presentStart,
  presentState,
  sessionQuery,
  sessionSchema,
  sessionStartBody,
  startAnswer,
  startFailures,
} from '../session-schema.js'
import type { SessionStarter } from '../session-start.js'

interface Deps {
  services: Pick<Services, 'sessions' | 'sessionClient' | 'eventLog' | 'recordings' | 'artefacts' | 'config'>
  starter: SessionStarter
  ender: SessionEnder
}

const sessionId = z.object({ session_id: z.uuid({ error: 'must be a session id' }) })
const owners = {
  tags: ['sessions'],
  auth: 'required',
  anyRole: 'a session is its owner’s, who may be of no company; of a company’s, leadership sees all',
} as const
const noStore = { 'Cache-Control': 'no-store' }

/** Sessions, whatever the provider. */
export function sessionRoutes({ services, starter, ender }: Deps): Route[] {
  const { sessions, sessionClient, eventLog, recordings, artefacts, config } = services

  async function getRow(caller: Caller, id: string) {
    const actor = actorOf(caller)
    const row = actor ? await sessions.find(actor, id) : undefined
    if (!row) throw unknownSession()
    return { row, actor: actor as Actor }
  }

  return [
    route({
      method: 'post',
      path: '/sessions',
      operationId: 'startSession',
      summary: 'Start a session',
      description: 'With `Prefer: respond-async` the answer is 202 and the session is read at its Location.',
      ...owners,
      request: {
        headers: idempotencyHeader.extend({ prefer: z.string().max(200).optional() }),
        body: sessionStartBody,
      },
      responses: {
        201: { description: 'Started', schema: startAnswer, headers: { Location: 'The session' } },
        200: {
          description: 'Started by an earlier request under the same key',
          schema: startAnswer,
          headers: { Location: 'The session', 'Idempotent-Replayed': '"true"' },
        },
        202: {
          description: 'Being started',
          schema: z.object({ session_id: z.string() }).meta({ id: 'AcceptedSession' }),
          headers: { Location: 'The session' },
        },
        ...startFailures,
      },
      handler: async ({ body, headers, caller, address, signal }) => {
        const { provider, mode: _plain, max_duration_seconds: maxDurationSeconds, ...request } = body
        const asked = {
          caller,
          address,
          provider,
          request,
          maxDurationSeconds,
          idempotencyKey: headers['idempotency-key'],
        }
        if (/\brespond-async\b/i.test(headers.prefer ?? '')) {
          const { sessionId: id } = await starter.begin(asked)
          return {
            status: 202,
            headers: { ...noStore, Location: `/sessions/${id}`, 'Preference-Applied': 'respond-async' },
            body: { session_id: id },
          }
        }
        const { ready, ended, replayed } = await starter.start({ ...asked, signal })
        const location = { ...noStore, Location: `/sessions/${ready.sessionId}` }
        const answer = presentStart[provider](ready, caller, ended ? 'ended' : ready.status)
        if (!replayed) return { status: 201, headers: location, body: answer }
        return { status: 200, headers: { ...location, 'Idempotent-Replayed': 'true' }, body: answer }
      },
    }),
    route({
      method: 'get',
      path: '/sessions',
      operationId: 'listSessions',
      summary: 'My sessions, newest first; leadership sees the company’s',
      tags: ['sessions'],
      auth: 'required',
      roles,
      request: { query: sessionQuery },
      responses: { 200: { description: 'A page', schema: pageSchema('Session', sessionSchema) } },
      handler: async ({ query, actor }) => presentPage(await sessions.list(actor, pageRequest(query)), presentSession),
    }),
    route({
      method: 'get',
      path: '/sessions/:session_id',
      operationId: 'getSession',
      summary: 'One session',
      ...owners,
      request: { params: sessionId },
      responses: { 200: { description: 'The session', schema: sessionSchema } },
      handler: async ({ params, caller }) => {
        const actor = actorOf(caller)
        const row = actor ? await sessions.find(actor, params.session_id) : undefined
        if (row) return { status: 200, body: presentSession(row) }
        // Not written yet, or belonging to no company: the engine knows it.
        const state = await sessionClient.state(params.session_id)
        const asked = actor ?? { tenantId: '', userId: caller.userId, role: 'rep' as const }
        if (!state?.owner || !maySeeSession(state.owner, asked)) throw unknownSession()
        return { status: 200, body: presentState(state) }
      },
    }),
    route({
      method: 'post',
      path: '/sessions/:session_id/end',
      operationId: 'endSession',
      summary: 'End a session; a second end changes nothing',
      ...owners,
      request: { params: sessionId },
      responses: { 200: { description: 'Ended', schema: endAnswer } },
      handler: async ({ params, caller }) => ({
        status: 200,
        headers: noStore,
        body: presentEnd(await ender.bySession(params.session_id, caller)),
      }),
    }),
    route({
      method: 'get',
      path: '/sessions/:session_id/transcript',
      operationId: 'getTranscript',
      summary: 'What was said; 404 until the provider sends it',
      ...owners,
      request: { params: sessionId },
      responses: {
        200: {
          description: 'The transcript, without the system prompt',
          schema: z
            .object({
              session_id: z.string(),
              transcript: z.array(
                z.object({
                  role: z.string(),
                  content: z.string(),
                  at: z.string().optional(),
                  seconds_from_start: z.number().optional(),
                  duration: z.number().optional(),
                }),
              ),
            })
            .meta({ id: 'Transcript' }),
        },
      },
      handler: async ({ params, caller }) => {
        const { row } = await getRow(caller, params.session_id)
        if (!row.transcript) throw new NotFoundError('the session has no transcript yet')
        return { status: 200, headers: noStore, body: { session_id: row.sessionId, transcript: row.transcript } }
      },
    }),
    route({
      method: 'get',
      path: '/sessions/:session_id/recording',
      operationId: 'getRecording',
      summary: 'Where the recording lies, with a URL to read it: presigned, or of Parley itself with the same token',
      ...owners,
      request: { params: sessionId },
      responses: {
        200: {
          description: 'Its place',
          schema: z
            .object({
              session_id: z.string(),
              location: z.string(),
              named_by: z
                .enum(['provider', 'default'])
                .meta({ description: 'default: expected there, not confirmed by the provider' }),
              url: z.string().optional(),
              expires_in: z.int().optional(),
            })
            .meta({ id: 'Recording' }),
        },
      },
      handler: async ({ params, caller }) => {
        const { row } = await getRow(caller, params.session_id)
        const recording = await recordings.locate({
          recordingUrl: row.recordingUrl,
          conversationId: row.conversationId,
          provider: row.provider,
        })
        if (!recording) throw new NotFoundError('the session has no recording')
        const kept = recording.location.startsWith('artefact://')
        const url = kept ? { url: `${config.server.publicUrl}/sessions/${row.sessionId}/recording/audio` } : {}
        return { status: 200, headers: noStore, body: { session_id: row.sessionId, ...recording, ...url } }
      },
    }),
    route({
      method: 'get',
      path: '/sessions/:session_id/recording/audio',
      operationId: 'getRecordingAudio',
      summary: 'The recording itself, where Parley keeps it; 404 where a bucket does',
      ...owners,
      request: { params: sessionId },
      responses: {
        200: { description: 'MP3', contentType: 'audio/mpeg', headers: { 'Content-Length': 'Its size in bytes' } },
      },
      handler: async ({ params, caller }) => {
        const { row } = await getRow(caller, params.session_id)
        const file = row.recordingUrl === null ? undefined : await artefacts.open(row.recordingUrl)
        if (!file) throw new NotFoundError('no recording of the session is kept here')
        const headers = { ...noStore, 'Content-Length': String(file.sizeBytes) }
        return { status: 200, headers, body: file.stream }
      },
    }),
    route({
      method: 'get',
      path: '/sessions/:session_id/timeline',
      operationId: 'getTimeline',
      summary: 'The session’s event log',
      ...owners,
      request: {
        params: sessionId,
        query: z.strictObject({
          after: z
            .string()
            .regex(/^\d{1,18}$/, 'must be the id of an event')
            .optional(),
          limit: z.coerce.number().int().min(1).max(500).default(100),
        }),
      },
      responses: {
        200: {
          description: 'In order',
          schema: z
            .object({
              items: z.array(
                z.object({
                  id: z.string(),
                  event: z.string(),
                  severity: z.string(),
                  ts: z.string(),
                  trace_id: z.string().nullable(),
                  data: z.record(z.string(), z.unknown()),
                }),
              ),
            })
            .meta({ id: 'Timeline' }),
        },
      },
      handler: async ({ params, query, caller }) => {
        const { row, actor } = await getRow(caller, params.session_id)
        const events = await eventLog.listForSession(actor, row.sessionId, query)
        return {
          status: 200,
          body: {
            items: events.map(({ id, event, severity, ts, traceId, data }) => ({
              id,
              event,
              severity,
              ts: ts.toISOString(),
              trace_id: traceId,
              data,
            })),
          },
        }
      },
    }),
  ]
}
