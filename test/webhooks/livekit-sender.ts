import { createHash, randomUUID } from 'node:crypto'
import { AccessToken } from 'livekit-server-sdk'

export const livekitEnv = { LIVEKIT_API_KEY: 'devkey', LIVEKIT_WEBHOOK_SECRET: 'older-secret,secret' }

/** An event of its own id; times are seconds since the epoch. */
export const livekitEvent = (event: string, body: object = {}, createdAt = 1_795_256_083) => ({
  event,
  id: `EV_${randomUUID().slice(0, 12)}`,
  createdAt: String(createdAt),
  ...body,
})

/** A human who was in the room for a minute and left by the client's own doing, unless said otherwise. */
export const leaving = (room: string, participant: object = {}, createdAt = 1_795_256_083) =>
  livekitEvent(
    'participant_left',
    {
      room: { sid: `RM_${room}`, name: room },
      participant: {
        sid: 'PA_1',
        identity: 'ada',
        joinedAt: String(createdAt - 60),
        disconnectReason: 'CLIENT_INITIATED',
        ...participant,
      },
    },
    createdAt,
  )

export interface SendOptions {
  path?: string
  key?: string
  secret?: string
  ttlSeconds?: number
  /** Sent in the place of what was signed. */
  altered?: string
  authorization?: string | null
}

/** Sends an event as LiveKit does: signed over its bytes, the bare token in Authorization. */
export async function sendLivekit(base: string, event: object, options: SendOptions = {}) {
  const { path = '/webhooks/livekit', key = 'devkey', secret = 'secret', ttlSeconds = 300 } = options
  const body = JSON.stringify(event)
  const token = new AccessToken(key, secret, { ttl: ttlSeconds })
  token.sha256 = createHash('sha256').update(body).digest('base64')
  const authorization = options.authorization === undefined ? await token.toJwt() : options.authorization
  const response = await fetch(base + path, {
    method: 'POST',
    body: options.altered ?? body,
    headers: { 'content-type': 'application/webhook+json', ...(authorization !== null && { authorization }) },
    redirect: 'manual',
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}
