/** Accounts and numbers of the development company at each simulated provider; never used in production. */
export const simulatedAccounts = {
  twilioAccountSid: 'AC00000000000000000000000000000001',
  twilioNumber: '+15005550006',
  callrailCompany: 'COM00000000000000000000000000000001',
  callrailNumber: '+15005550007',
  elevenlabsAgent: 'agent_simulated',
  clerkOrganization: 'org_simulated',
  livekitKey: 'devkey',
} as const
