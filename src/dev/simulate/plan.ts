import { seededRandom } from '../chaos/random.js'
import { simulatedAccounts } from '../simulated-accounts.js'

type Fields = Record<string, unknown>

/** One thing that happens in the day; `atMs` from its beginning. */
export type PlannedAction = { atMs: number } & (
  | { do: 'livekit' | 'elevenlabs' | 'twilio' | 'callrail' | 'bland' | 'clerk'; life: Fields }
  /** Of the partner: about this rep, or about the call that was made last. */
  | { do: 'uwc'; life: Fields; about: 'call' | 'rep' }
)

export interface DayOptions {
  calls: number
  sessions: number
  /** Length of the compressed day. */
  dayMs: number
  seed: number
  companyId: string
}

/** Of each 20 calls. */
const shares = { livekit: 7, twilio: 6, callrail: 4, bland: 3 } as const

/** A day's traffic beside the video sessions, the same for the same seed. */
export function planDay({ calls, sessions, dayMs, seed, companyId }: DayOptions): PlannedAction[] {
  const random = seededRandom(seed)
  const within = (min: number, max: number) => Math.floor(min + random() * (max - min + 1))
  const pick = <T>(...all: [T, ...T[]]): T => all[Math.floor(random() * all.length)] ?? all[0]
  const when = () => Math.floor(random() * dayMs)
  const life = () => ({ duration_seconds: within(8, 900), span_ms: within(500, 6000) })
  const by = (share: number) => Math.round((calls * share) / 20)
  const many = <T>(count: number, make: (index: number) => T): T[] =>
    Array.from({ length: count }, (_, index) => make(index))

  const actions: PlannedAction[] = [
    ...many(by(shares.livekit), (index) => ({
      atMs: when(),
      do: 'livekit' as const,
      life: {
        ...life(),
        room: `day-${seed}-${index}`,
        participant: pick('sip', 'sip', 'web'),
        result: pick('completed', 'completed', 'completed', 'no_answer', 'failed', 'removed', 'dropped'),
      },
    })),
    ...many(by(shares.twilio), () => {
      const direction = pick('inbound', 'outbound-api')
      const result = pick('completed', 'completed', 'busy', 'no-answer', 'canceled', 'failed')
      return { atMs: when(), do: 'twilio' as const, life: { ...life(), life: 'call', direction, result } }
    }),
    ...many(by(shares.callrail), () => ({
      atMs: when(),
      do: 'callrail' as const,
      life: {
        ...life(),
        result: pick('answered', 'answered', 'voicemail', 'missed', 'abandoned'),
        modified: within(0, 2),
        modified_first: random() < 0.2,
      },
    })),
    ...many(calls - by(shares.livekit) - by(shares.twilio) - by(shares.callrail), () => ({
      atMs: when(),
      do: 'bland' as const,
      life: {
        ...life(),
        result: pick('completed', 'completed', 'voicemail', 'busy', 'no-answer', 'failed'),
        metadata: { tenant_id: companyId },
      },
    })),
    ...many(Math.ceil(calls / 5), (index) => ({ atMs: when(), do: 'twilio' as const, life: message(index) })),
    ...many(Math.ceil(sessions / 4), () => ({
      atMs: when(),
      do: 'elevenlabs' as const,
      life: {
        ...life(),
        result: pick('done', 'done', 'voicemail', 'busy', 'no-answer'),
        phone: pick(null, 'twilio', 'sip'),
      },
    })),
    ...many(Math.ceil(calls / 25), () => ({
      atMs: when(),
      do: 'clerk' as const,
      life: { span_ms: 1500, shuffle: random() < 0.5 },
    })),
    ...many(Math.ceil(calls / 20), (index) => {
      const kind = (['asr', 'training', 'analysis', 'followup', 'rag'] as const)[index % 5] ?? 'asr'
      const job = {
        kind,
        company_id: companyId,
        span_ms: 1000,
        statuses: kind === 'training' ? ['running', 'completed'] : ['completed'],
      }
      return {
        atMs: when(),
        do: 'uwc' as const,
        about: kind === 'training' ? ('rep' as const) : ('call' as const),
        life: job,
      }
    }),
    // The organisation is known before its members are.
    { atMs: 0, do: 'clerk', life: { events: ['organization.updated'], organization_name: 'Acme Genetics' } },
  ]
  return actions.sort((a, b) => a.atMs - b.atMs)

  function message(index: number): Fields {
    const to = { span_ms: 200, shuffle: random() < 0.5 }
    if (index % 2 === 0)
      return { ...to, life: 'sms_in', body: `Message ${index} & more`, to: simulatedAccounts.twilioNumber }
    return {
      ...to,
      life: 'sms_out',
      result: pick('delivered', 'delivered', 'undelivered'),
      from: simulatedAccounts.twilioNumber,
    }
  }
}
