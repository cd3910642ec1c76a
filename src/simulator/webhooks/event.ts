/** Providers whose webhooks are sent from here; Tavus' callbacks come from its conversations. */
export const webhookSenders = ['elevenlabs', 'livekit', 'twilio', 'callrail', 'clerk', 'bland', 'uwc'] as const
export type WebhookSender = (typeof webhookSenders)[number]

/** One webhook as its provider writes it, before it is signed. */
export interface OutgoingWebhook {
  /** In the provider's words, with the status where one address reports several. */
  kind: string
  /** The provider's id of what the event is about. */
  externalId: string
  /** The provider's id of the event itself, for those that give one. */
  eventId?: string
  /** Of the receiver, such as /webhooks/clerk. */
  path: string
  /** What the provider adds to the address. */
  query?: string
  contentType: string
  headers?: Record<string, string>
  body: string
  /** Sent without a length, in pieces. */
  chunked?: boolean
  /** Events of one resource leave in order, where the provider queues them so. */
  resource?: string
}

/** A webhook, so many milliseconds after the beginning of its script. */
export interface Step {
  afterMs: number
  webhook: OutgoingWebhook
}

/** What really happened, and what the provider's API says of it at any moment. */
export interface Subject {
  externalId: string
  /** Parley's own id, where the script was told it. */
  callId?: string
  /** What must have become of it in the end, whoever looks. */
  expected?: Expected
  /** Each state adds to those before it. */
  timeline: { afterMs: number; state: Record<string, unknown> }[]
}

export interface Expected {
  /** Several: the webhooks do not tell which. */
  outcome: string[]
  durationSeconds?: number
  recording?: boolean
  /** Kind of the webhook without which nobody can know it. */
  decidedBy: string
}

/** A life from beginning to end. */
export interface Script {
  steps: Step[]
  subjects: Subject[]
}

/** What a script is written with. */
export interface ScriptContext {
  /** Epoch milliseconds. */
  now: number
  /** From 0 to 1. */
  random: () => number
  accounts: ScriptAccounts
}

/** The simulated accounts, as the application's configuration names them. */
export interface ScriptAccounts {
  elevenlabsAgent: string
  twilioAccountSid: string
  twilioNumber: string
  callrailCompany: string
  callrailNumber: string
  clerkOrganization: string
}

/** Steps spread evenly over the time that a script takes. */
export function spread(spanMs: number, webhooks: readonly OutgoingWebhook[]): Step[] {
  const pause = webhooks.length > 1 ? spanMs / (webhooks.length - 1) : 0
  return webhooks.map((webhook, index) => ({ afterMs: Math.round(index * pause), webhook }))
}

/** The same steps at each other's times. */
export function shuffled(steps: readonly Step[], random: () => number): Step[] {
  const order = steps.map((step) => ({ step, rank: random() })).sort((a, b) => a.rank - b.rank)
  return steps.map(({ afterMs }, index) => ({ afterMs, webhook: (order[index] ?? order[0])!.step.webhook }))
}
