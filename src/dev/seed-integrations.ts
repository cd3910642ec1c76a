import type { Knex } from 'knex'
import type { Config } from '../config.js'
import type { IntegrationProvider } from '../domain/integration.js'
import { normaliseAccount } from '../store/integration-accounts.js'
import { simulatedAccounts } from './simulated-accounts.js'

/** What of the configuration names an account of the development company. */
export type SeedAccounts = Partial<Pick<Config, 'twilio' | 'callrail' | 'elevenlabs'>>

/** The development company's accounts: the configured ones, else those that the simulator speaks for. */
function accountsOf(given: SeedAccounts): [IntegrationProvider, string][] {
  return [
    ['twilio', given.twilio?.accountSid ?? simulatedAccounts.twilioAccountSid],
    ['twilio', given.twilio?.fromNumber ?? simulatedAccounts.twilioNumber],
    ['callrail', given.callrail?.accountId ?? simulatedAccounts.callrailCompany],
    ['callrail', simulatedAccounts.callrailNumber],
    ['elevenlabs', given.elevenlabs?.agentId ?? simulatedAccounts.elevenlabsAgent],
    ['clerk', simulatedAccounts.clerkOrganization],
  ]
}

/** Writes them; an account that somebody has is left to them. */
export async function seedIntegrations(trx: Knex.Transaction, companyId: string, given: SeedAccounts): Promise<void> {
  for (const [provider, account] of accountsOf(given))
    await trx.raw(
      'insert into integrations (tenant_id, provider, account, label) values (?, ?, ?, ?) on conflict do nothing',
      [companyId, provider, normaliseAccount(provider, account) ?? account, 'development'],
    )
}
