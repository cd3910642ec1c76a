import type { CallSource } from '../activities/call-reconcile.js'
import type { Config } from './config.js'
import { createLivekitClient } from './providers/livekit/client.js'
import { missedEvents } from './providers/livekit/missed.js'
import type { Transport } from './providers/request.js'
import { missedCallbacks } from './providers/twilio/missed.js'

/** A room is closed so long after the last one left, unless its maker says otherwise (livekit-server, room settings). */
const departureTimeoutSeconds = 20

/** The providers whose open calls are compared with what they say: those that are configured. */
export function createCallSources(
  { livekit, twilio, sessions }: Pick<Config, 'livekit' | 'twilio' | 'sessions'>,
  transports: { twilio: Transport },
): CallSource[] {
  const graceSeconds = sessions.reconcileMs / 1000
  const sources: CallSource[] = []
  const client = createLivekitClient(livekit)
  if (client)
    sources.push({
      provider: 'livekit',
      olderThanSeconds: 2 * departureTimeoutSeconds + graceSeconds,
      missed: (calls) => missedEvents(client, calls),
    })
  const { accountSid, baseUrl } = twilio
  const [authToken] = twilio.authTokens
  if (accountSid !== undefined && authToken !== undefined)
    sources.push({
      provider: 'twilio',
      olderThanSeconds: graceSeconds,
      missed: (calls) =>
        missedCallbacks(
          { baseUrl, accountSid, authToken },
          transports.twilio,
          calls.map(({ externalId }) => externalId),
        ),
    })
  return sources
}
