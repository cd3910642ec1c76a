/** Providers whose deliveries find their company by an account or a number. */
export const integrationProviders = ['elevenlabs', 'twilio', 'callrail', 'clerk'] as const
export type IntegrationProvider = (typeof integrationProviders)[number]

/** How the others' deliveries find it: an account of theirs would never be asked for. */
export const foundOtherwise: Readonly<Record<string, string>> = {
  tavus: 'its callbacks find their company by the session',
  livekit: 'its events find their company by the call: see POST /calls',
  bland: 'its events find their company by metadata.tenant_id, else by the call',
  uwc: 'its answers name their company themselves, as company_id',
}
