import type { Config } from '../../config.js'
import type { ScriptAccounts, WebhookSender } from './event.js'

/** Secrets and ids of the simulated accounts: the same that the application is configured with. */
export interface WebhookAccounts {
  secrets: Readonly<Record<WebhookSender, readonly string[]>>
  livekitKey: string
  elevenlabsApiKey: string | undefined
  uwcApiKey: string | undefined
  blandApiKey: string | undefined
  script: ScriptAccounts
}

/** Reads the application's own variables, so that both sides agree. */
export const accountsOf = (config: Config): WebhookAccounts => ({
  secrets: {
    elevenlabs: config.elevenlabs.webhookSecrets,
    livekit: config.livekit.webhookSecrets,
    twilio: config.twilio.authTokens,
    callrail: config.callrail.webhookSecrets,
    clerk: config.clerk.webhookSecrets,
    bland: config.bland.webhookSecrets,
    uwc: config.uwc.webhookSecrets,
  },
  livekitKey: config.livekit.apiKey ?? 'devkey',
  elevenlabsApiKey: config.elevenlabs.apiKey,
  uwcApiKey: config.uwc.apiKey,
  blandApiKey: config.bland.apiKey,
  script: {
    ...scriptDefaults,
    elevenlabsAgent: config.elevenlabs.agentId ?? scriptDefaults.elevenlabsAgent,
    twilioAccountSid: config.twilio.accountSid ?? scriptDefaults.twilioAccountSid,
    twilioNumber: config.twilio.fromNumber ?? scriptDefaults.twilioNumber,
    callrailCompany: config.callrail.accountId ?? scriptDefaults.callrailCompany,
  },
})

/** What development's data knows as the accounts of its first company. */
const scriptDefaults: ScriptAccounts = {
  elevenlabsAgent: 'agent_simulated',
  twilioAccountSid: 'AC00000000000000000000000000000001',
  twilioNumber: '+15005550006',
  callrailCompany: 'COM00000000000000000000000000000001',
  callrailNumber: '+15005550007',
  clerkOrganization: 'org_simulated',
}

/** Nobody's: every provider's webhooks are refused until it has a secret. */
export const noAccounts: WebhookAccounts = {
  secrets: { elevenlabs: [], livekit: [], twilio: [], callrail: [], clerk: [], bland: [], uwc: [] },
  livekitKey: 'devkey',
  elevenlabsApiKey: undefined,
  uwcApiKey: undefined,
  blandApiKey: undefined,
  script: scriptDefaults,
}
