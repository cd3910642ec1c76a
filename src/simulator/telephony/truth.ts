import { createLineFile, type LineFile, noLineFile } from '../line-file.js'

/** A message that a person was sent. */
export interface SentMessage {
  kind: 'message'
  sid: string
  to: string
  from: string
  body: string
  statusCallback: string | null
  /** Epoch milliseconds. */
  at: number
  result: MessageResult
}

/** A call that a person was rung by. */
export interface PlacedCall {
  kind: 'call'
  callId: string
  to: string
  task: string
  metadata: Record<string, unknown>
  at: number
  result: CallResult
}

export const messageResults = ['delivered', 'undelivered', 'failed'] as const
export type MessageResult = (typeof messageResults)[number]
export const callResults = ['completed', 'voicemail', 'busy', 'no-answer', 'canceled', 'failed'] as const
export type CallResult = (typeof callResults)[number]

/** How a person takes what comes. */
export interface Habit {
  sms: MessageResult
  call: CallResult
}

const usual: Habit = { sms: 'delivered', call: 'completed' }

/** Whom the simulated telephones have reached, and how often: what follow-ups are compared with. */
export function createTelephonyTruth(path: string | undefined) {
  const file: LineFile = path === undefined ? noLineFile : createLineFile(path)
  const messages = new Map<string, SentMessage>()
  const calls = new Map<string, PlacedCall>()
  const habits = new Map<string, Habit>()

  function apply(one: SentMessage | PlacedCall): void {
    if (one.kind === 'message') messages.set(one.sid, one)
    else calls.set(one.callId, one)
  }

  return {
    /** Written down before anybody is answered. */
    add(one: SentMessage | PlacedCall): void {
      apply(one)
      file.append(one)
      file.flush()
    },
    message: (sid: string) => messages.get(sid),
    call: (id: string) => calls.get(id),
    messages: () => [...messages.values()],
    calls: () => [...calls.values()],
    habitOf: (number: string): Habit => habits.get(number) ?? usual,
    setHabit: (number: string, habit: Partial<Habit>): void =>
      void habits.set(number, { ...(habits.get(number) ?? usual), ...habit }),
    /** How often each person was reached. */
    people() {
      const people = new Map<string, { number: string; messages: number; calls: number }>()
      for (const { to, kind } of [...messages.values(), ...calls.values()]) {
        const person = people.get(to) ?? { number: to, messages: 0, calls: 0 }
        if (kind === 'message') person.messages += 1
        else person.calls += 1
        people.set(to, person)
      }
      return [...people.values()]
    },
    restore(): void {
      file.open((lines) => {
        for (const line of lines) apply(line as SentMessage | PlacedCall)
        return [...messages.values(), ...calls.values()]
      })
    },
    clear(): void {
      messages.clear()
      calls.clear()
      habits.clear()
      file.clear()
    },
    close: () => file.close(),
  }
}

export type TelephonyTruth = ReturnType<typeof createTelephonyTruth>
