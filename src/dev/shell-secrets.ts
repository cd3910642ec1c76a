import { simulatedWebhooks } from './simulated-providers.js'

/** What a webhook is signed with, and what it names; keys of the providers' own APIs sign nothing. */
const wanted = /_(WEBHOOK_SECRET|AUTH_TOKEN|HMAC_SECRET|ACCOUNT_SID|ACCOUNT_ID|AGENT_ID)$|^LIVEKIT_API_KEY$/

/** Assignments for a shell: the address of the API, and what the development's webhooks are signed with. */
export function secretsForShell({
  given,
  secret,
  api,
}: {
  given: Record<string, string | undefined>
  secret: string
  api: string | undefined
}): string {
  const variables = Object.entries(simulatedWebhooks('', { given, secret })).filter(([name]) => wanted.test(name))
  return [...(api === undefined ? [] : [['API', api]]), ...variables]
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('')
}
