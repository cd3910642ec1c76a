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
