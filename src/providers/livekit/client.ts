import { RoomServiceClient } from 'livekit-server-sdk'
import { type ProviderErrorCode, ProviderError } from '../../domain/errors.js'
import { type Fields, fieldsOf } from '../json.js'

export interface LivekitClientConfig {
  /** The server's API, https://… */
  url: string | undefined
  apiKey: string | undefined
  /** Secrets of the key; the first is used. */
  webhookSecrets: readonly string[]
}

/** A room and a participant in proto3 JSON, as webhooks have them. */
export interface LivekitClient {
  /** Rooms of these names that are open now. */
  rooms(names: readonly string[]): Promise<Fields[]>
  /** Who is in the room; nobody when it is gone. */
  participants(roomName: string): Promise<Fields[]>
}

/** In seconds: the comparison with the provider is in no hurry, but must not hang. */
const requestTimeout = 10

/** Calls of LiveKit's RoomService; undefined where the server or its key is not configured. */
export function createLivekitClient({ url, apiKey, webhookSecrets }: LivekitClientConfig): LivekitClient | undefined {
  const [secret] = webhookSecrets
  if (url === undefined || apiKey === undefined || secret === undefined) return undefined
  const service = new RoomServiceClient(url, apiKey, secret, { requestTimeout, failover: false })
  return {
    rooms: (names) =>
      ask('listRooms', async () => (await service.listRooms([...names])).map((room) => fieldsOf(room.toJson()))),
    participants: (roomName) =>
      ask('listParticipants', async () =>
        (await service.listParticipants(roomName)).map((participant) => fieldsOf(participant.toJson())),
      ).catch((error: unknown) => {
        if (error instanceof ProviderError && error.code === 'provider_not_found') return []
        throw error
      }),
  }
}

/** @throws ProviderError for whatever the client of LiveKit throws */
async function ask<T>(operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const { status } = (cause ?? {}) as { status?: unknown }
    const known = typeof status === 'number' ? status : undefined
    throw new ProviderError(codeOf(known), `livekit did not answer ${operation}`, 'livekit', known, { cause })
  }
}

function codeOf(status: number | undefined): ProviderErrorCode {
  if (status === undefined) return 'provider_unreachable'
  if (status === 401 || status === 403) return 'provider_credentials'
  if (status === 404) return 'provider_not_found'
  return status >= 500 ? 'provider_failed' : 'provider_rejected'
}
