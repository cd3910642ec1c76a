import type { Config } from './config.js'
import { normaliseAccount } from './store/integration-accounts.js'
import type { ClaimRules } from './store/claim-rules.js'

type ClaimConfig = Pick<Config, 'production' | 'twilio' | 'callrail' | 'elevenlabs'>

/**
 * What companies may claim at this installation. In production an account waits for the operator, for nobody else can
 * tell whose it is; the configured accounts are the installation's own.
 */
export function claimRulesOf({ production, twilio, callrail, elevenlabs }: ClaimConfig): ClaimRules {
  return {
    accountsCountAtOnce: !production,
    reserved: [
      { provider: 'twilio', account: twilio.accountSid },
      {
        provider: 'twilio',
        account: twilio.fromNumber === undefined ? undefined : normaliseAccount('twilio', twilio.fromNumber),
      },
      { provider: 'callrail', account: callrail.accountId },
      { provider: 'elevenlabs', account: elevenlabs.agentId },
    ],
  }
}
