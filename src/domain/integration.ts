/** Providers whose deliveries find their company by an account or a number. */
export const integrationProviders = [
  'tavus',
  'elevenlabs',
  'livekit',
  'twilio',
  'callrail',
  'clerk',
  'bland',
  'uwc',
] as const
export type IntegrationProvider = (typeof integrationProviders)[number]

/**
 * What a claim counts for. A confirmed one is the operator's word and goes before all others; one that is claimed is the
 * company's own word; one that is pending counts for nothing until the operator confirms it.
 */
export const claimStandings = ['confirmed', 'claimed', 'pending'] as const
export type ClaimStanding = (typeof claimStandings)[number]
