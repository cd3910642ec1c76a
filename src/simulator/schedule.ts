import type { Conversation, Step } from './conversation.js'
import type { Conversations } from './conversations.js'

const longestTimerMs = 2 ** 31 - 1

/** Takes each conversation's steps when they are due, also those that were due before a restart. */
export function createSchedule(conversations: Conversations, take: (conversation: Conversation, step: Step) => void) {
  const timers = new Map<string, NodeJS.Timeout>()

  function start(conversation: Conversation, step: Step, dueAt: number) {
    const key = `${conversation.id}/${step}`
    clearTimeout(timers.get(key))
    const waitMs = Math.min(Math.max(0, dueAt - Date.now()), longestTimerMs)
    timers.set(
      key,
      setTimeout(() => fire(conversation, step), waitMs),
    )
  }

  function fire(conversation: Conversation, step: Step) {
    timers.delete(`${conversation.id}/${step}`)
    cancel(conversation, [step])
    take(conversation, step)
  }

  function cancel(conversation: Conversation, steps: readonly Step[]) {
    const due = { ...conversation.due }
    for (const step of steps) {
      clearTimeout(timers.get(`${conversation.id}/${step}`))
      timers.delete(`${conversation.id}/${step}`)
      delete due[step]
    }
    conversations.update(conversation, { due })
  }

  return {
    /** Adds steps, each so many milliseconds from now. */
    plan(conversation: Conversation, delaysMs: Partial<Record<Step, number>>): void {
      const planned = Object.entries(delaysMs).map(([step, delayMs]) => [step, Date.now() + delayMs] as const)
      conversations.update(conversation, { due: { ...conversation.due, ...Object.fromEntries(planned) } })
      for (const [step, dueAt] of planned) start(conversation, step as Step, dueAt)
    },
    cancel,
    resume(conversation: Conversation): void {
      for (const [step, dueAt] of Object.entries(conversation.due)) start(conversation, step as Step, dueAt)
    },
    clear(): void {
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
    },
  }
}

export type Schedule = ReturnType<typeof createSchedule>
