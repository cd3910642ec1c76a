import Router from '@koa/router'
import { type JWTPayload, jwtVerify } from 'jose'
import type { Context, Middleware } from 'koa'
import type { ApiOperation } from '../faults.js'
import type { WebhookAccounts } from './accounts.js'
import type { WebhookSender } from './event.js'
import { type StoredSubject, stateAt } from './record.js'
import type { WebhookTruth } from './truth.js'

export interface ProviderApiDeps {
  accounts: WebhookAccounts
  truth: WebhookTruth
  faulty: (operation: ApiOperation) => Middleware
}

/** Those parts of the providers' APIs that tell what became of a call, answered from the scripted lives. */
export function providerApiRoutes(deps: ProviderApiDeps): Router[] {
  return [twilioRoutes(deps), livekitRoutes(deps)]
}

type WithParams = Context & { params: Record<string, string> }

const stateOf = (truth: WebhookTruth, provider: WebhookSender, id: string) => {
  const subject = truth.subject(provider, id)
  return subject && stateAt(subject, Date.now())
}

/** GET of a call (twilio.com/docs/voice/api/call-resource). */
function twilioRoutes({ accounts, truth, faulty }: ProviderApiDeps): Router {
  const router = new Router({ prefix: '/2010-04-01/Accounts/:account/Calls' })
  const { twilioAccountSid } = accounts.script
  const known = new Set(
    accounts.secrets.twilio.map((token) => `Basic ${Buffer.from(`${twilioAccountSid}:${token}`).toString('base64')}`),
  )
  router.get('/:call.json', faulty('twilio'), (ctx: WithParams) => {
    if (!known.has(ctx.get('authorization'))) return twilioError(ctx, 401, 20003, 'Authenticate')
    const { account, call = '' } = ctx.params
    const state = account === twilioAccountSid ? stateOf(truth, 'twilio', call) : undefined
    if (state === undefined) return twilioError(ctx, 404, 20404, `The requested resource ${ctx.path} was not found`)
    ctx.body = { ...state, uri: ctx.path, price: null, annotation: null, parent_call_sid: null }
  })
  return router
}

function twilioError(ctx: Context, status: number, code: number, message: string): void {
  ctx.status = status
  ctx.body = { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status }
}

/** Two calls of RoomService (github.com/livekit/protocol protobufs/livekit_room.proto), as JSON over Twirp. */
function livekitRoutes({ accounts, truth, faulty }: ProviderApiDeps): Router {
  const router = new Router({ prefix: '/twirp/livekit.RoomService' })

  router.post('/ListRooms', faulty('livekit'), async (ctx) => {
    const grant = await livekitGrant(ctx.get('authorization'), accounts)
    if (grant === undefined) return unauthorized(ctx)
    if (grant.roomList !== true) return twirpError(ctx, 401, 'unauthenticated', 'permissions denied')
    const { names = [] } = (ctx.request.body ?? {}) as { names?: string[] }
    const open = openRooms().filter(({ name }) => names.length === 0 || names.includes(String(name)))
    ctx.body = { rooms: open }
  })

  router.post('/ListParticipants', faulty('livekit'), async (ctx) => {
    const { room = '' } = (ctx.request.body ?? {}) as { room?: string }
    const grant = await livekitGrant(ctx.get('authorization'), accounts)
    if (grant === undefined) return unauthorized(ctx)
    if (grant.roomAdmin !== true || grant.room !== room)
      return twirpError(ctx, 401, 'unauthenticated', 'permissions denied')
    const state = stateOf(truth, 'livekit', room)
    if (state === undefined || state.finished === true)
      return twirpError(ctx, 404, 'not_found', 'requested room does not exist')
    ctx.body = { participants: state.participants }
  })

  function openRooms(): Record<string, unknown>[] {
    const now = Date.now()
    const isRoom = ({ provider }: StoredSubject) => provider === 'livekit'
    return [...truth.subjects()].filter(isRoom).flatMap((subject) => {
      const state = stateAt(subject, now)
      if (state === undefined || state.finished === true) return []
      const participants = state.participants as unknown[]
      return [{ ...(state.room as Record<string, unknown>), numParticipants: participants.length }]
    })
  }
  return router
}

/** The video grant of a token that one of our secrets has signed. */
async function livekitGrant(header: string, { livekitKey, secrets }: WebhookAccounts) {
  const token = header.replace(/^Bearer /, '')
  for (const secret of secrets.livekit) {
    const verified = await jwtVerify<JWTPayload & { video?: Record<string, unknown> }>(token, Buffer.from(secret), {
      issuer: livekitKey,
      algorithms: ['HS256'],
    }).catch(() => undefined)
    if (verified) return verified.payload.video ?? {}
  }
  return undefined
}

/** Before Twirp is reached: plain text. */
function unauthorized(ctx: Context): void {
  ctx.status = 401
  ctx.body = 'invalid authorization token'
}

function twirpError(ctx: Context, status: number, code: string, msg: string): void {
  ctx.status = status
  // Without a charset: the official client compares the whole header.
  ctx.set('content-type', 'application/json')
  ctx.body = { code, msg }
}
