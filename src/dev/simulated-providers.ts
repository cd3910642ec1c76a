import { createHmac } from 'node:crypto'
import { simulatedAccounts } from './simulated-accounts.js'

type Environment = Record<string, string | undefined>

interface SimulatedProvider {
  /** Whoever sets one of these has an account of their own, and nothing of it is simulated. */
  own: readonly string[]
  variables: (simulator: string, secretFor: (purpose: string) => Buffer) => Record<string, string>
}

const hex = (secret: Buffer, digits = 64) => secret.toString('hex').slice(0, digits)
const whsec = (secret: Buffer) => `whsec_${secret.toString('base64')}`

const providers: Record<string, SimulatedProvider> = {
  elevenlabs: {
    own: ['ELEVENLABS_API_KEY', 'ELEVENLABS_WEBHOOK_SECRET', 'ELEVENLABS_BASE_URL'],
    variables: (simulator, secretFor) => ({
      ELEVENLABS_API_KEY: hex(secretFor('elevenlabs-api')),
      ELEVENLABS_AGENT_ID: simulatedAccounts.elevenlabsAgent,
      ELEVENLABS_BASE_URL: simulator,
      ELEVENLABS_WEBHOOK_SECRET: `wsec_${hex(secretFor('elevenlabs'))}`,
    }),
  },
  livekit: {
    own: ['LIVEKIT_URL', 'LIVEKIT_API_KEY', 'LIVEKIT_WEBHOOK_SECRET'],
    variables: (simulator, secretFor) => ({
      LIVEKIT_URL: simulator,
      LIVEKIT_API_KEY: simulatedAccounts.livekitKey,
      LIVEKIT_WEBHOOK_SECRET: hex(secretFor('livekit')),
    }),
  },
  twilio: {
    own: ['TWILIO_AUTH_TOKEN', 'TWILIO_BASE_URL'],
    variables: (simulator, secretFor) => ({
      TWILIO_ACCOUNT_SID: simulatedAccounts.twilioAccountSid,
      TWILIO_AUTH_TOKEN: hex(secretFor('twilio'), 32),
      TWILIO_FROM_NUMBER: simulatedAccounts.twilioNumber,
      TWILIO_BASE_URL: simulator,
    }),
  },
  callrail: {
    own: ['CALLRAIL_API_KEY', 'CALLRAIL_WEBHOOK_SECRET'],
    variables: (_simulator, secretFor) => ({
      CALLRAIL_ACCOUNT_ID: simulatedAccounts.callrailCompany,
      CALLRAIL_WEBHOOK_SECRET: hex(secretFor('callrail'), 32),
    }),
  },
  clerk: {
    own: ['CLERK_WEBHOOK_SECRET'],
    variables: (_simulator, secretFor) => ({ CLERK_WEBHOOK_SECRET: whsec(secretFor('clerk')) }),
  },
  bland: {
    own: ['BLAND_API_KEY', 'BLAND_WEBHOOK_SECRET', 'BLAND_BASE_URL'],
    variables: (simulator, secretFor) => ({
      BLAND_API_KEY: hex(secretFor('bland-api')),
      BLAND_BASE_URL: simulator,
      BLAND_WEBHOOK_SECRET: hex(secretFor('bland')),
    }),
  },
  uwc: {
    own: ['UWC_API_KEY', 'UWC_BASE_URL', 'UWC_HMAC_SECRET'],
    variables: (simulator, secretFor) => ({
      UWC_BASE_URL: simulator,
      UWC_API_KEY: hex(secretFor('uwc-api')),
      UWC_HMAC_SECRET: whsec(secretFor('uwc')),
    }),
  },
}

const isSet = (value: string | undefined) => value !== undefined && value.trim() !== ''

/** Who accepts what is not signed has no use for a secret: with one, nothing unsigned would be taken. */
const acceptsUnsigned = ({ DEV_ACCEPT_UNSIGNED: flag }: Environment) =>
  /^(true|1|yes|on|y|enabled)$/i.test(flag?.trim() ?? '')

const simulated = (environment: Environment) =>
  acceptsUnsigned(environment)
    ? []
    : Object.values(providers).filter(({ own }) => !own.some((name) => isSet(environment[name])))

/** Whether a provider other than Tavus is left to the simulator. */
export const simulatesOthers = (environment: Environment): boolean => simulated(environment).length > 0

/**
 * Accounts, addresses and secrets of every provider but Tavus that the user has none of; nothing that is set changes.
 * The secrets are derived from one of this checkout: nobody else can sign a webhook for it.
 */
export function simulatedWebhooks(
  simulator: string,
  { given, secret }: { given: Environment; secret: string },
): Record<string, string> {
  const secretFor = (purpose: string) => createHmac('sha256', secret).update(`parley:simulated:${purpose}`).digest()
  const all = simulated(given).flatMap(({ variables }) => Object.entries(variables(simulator, secretFor)))
  return Object.fromEntries(all.filter(([name]) => !isSet(given[name])))
}
