/** Providers whose deliveries find their company by an account or a number. */
export const integrationProviders = ['elevenlabs', 'twilio', 'callrail', 'clerk'] as const
export type IntegrationProvider = (typeof integrationProviders)[number]

/**
 * What a claim counts for. A confirmed one is the operator's word and goes before all others; one that is claimed is the
 * company's own word; one that is pending counts for nothing until the operator confirms it.
 */
export const claimStandings = ['confirmed', 'claimed', 'pending'] as const
export type ClaimStanding = (typeof claimStandings)[number]

/** How the others' deliveries find it: an account of theirs would never be asked for. */
export const foundOtherwise: Readonly<Record<string, string>> = {
  tavus: 'its callbacks find their company by the session',
  livekit: 'its events find their company by the call: see POST /calls',
  bland: 'its events find their company by metadata.tenant_id, else by the call',
  uwc: 'its answers name their company themselves, as company_id',
}
