import { isoMicros } from './clock.js'
import type { Conversation } from './conversation.js'
import type { Random } from './random.js'

interface Turn {
  role: 'assistant' | 'user'
  content: string
}

const systemPrompt =
  'You are a warm and curious conversation partner on a video call. Keep your answers short, and ask one thing at a time.'

const talk: readonly [said: string, answered: string][] = [
  ['Hi, thanks for making the time. I wanted to talk about my week.', 'Of course. What stands out when you look back?'],
  [
    'A customer called twice about the same order and got two answers.',
    'That sounds frustrating. How did you sort it out?',
  ],
  ['I put both people on one call and we agreed on a date.', 'Nice. What would have made that easier from the start?'],
  ['One place where everybody sees what was promised.', 'Who would have to agree to that in your team?'],
  ['Mostly operations. They are open to it, but short of time.', 'What is the smallest step that you could show them?'],
  ['A list of the five accounts that ask most often.', 'I like that. When could you have it ready?'],
  ['By Thursday, if nothing else breaks.', 'Thursday it is. How will you know that it helped?'],
  ['Fewer repeated calls next month.', 'Good measure. Is there anything else on your mind?'],
  ['No, that helped me think. Thank you.', 'My pleasure. Good luck with the list.'],
]

const secondsPerExchange = 6

/** What was said, in the form of application.transcription_ready; the first entry is the whole system prompt. */
export function transcriptOf(conversation: Conversation, talked: boolean, random: Random): Record<string, unknown>[] {
  const context = conversation.request.conversational_context
  const system = {
    role: 'system',
    content: typeof context === 'string' ? `${systemPrompt}\n\n${context}` : systemPrompt,
  }
  const { joinedAt, endedAt } = conversation
  if (joinedAt === null) return [system]
  const seconds = ((endedAt ?? joinedAt) - joinedAt) / 1e6
  const turns = talked ? [greeting(conversation), ...exchanges(seconds)] : [greeting(conversation)]
  return [system, ...spoken(turns, { joinedAt, seconds, asFloat: conversation.traits.floatTimestamps, random })]
}

function greeting({ request }: Conversation): Turn {
  const custom = request.custom_greeting
  return {
    role: 'assistant',
    content: typeof custom === 'string' && custom !== '' ? custom : 'Hello, good to see you. How are you?',
  }
}

function exchanges(seconds: number): Turn[] {
  const count = Math.max(1, Math.min(talk.length, Math.floor(seconds / secondsPerExchange)))
  return talk.slice(0, count).flatMap(([said, answered]): Turn[] => [
    { role: 'user', content: said },
    { role: 'assistant', content: answered },
  ])
}

interface Stay {
  joinedAt: number
  seconds: number
  asFloat: boolean
  random: Random
}

/** Spread over the stay; times come as ISO text or as Unix seconds, in different calls of one account. */
function spoken(turns: Turn[], { joinedAt, seconds, asFloat, random }: Stay): Record<string, unknown>[] {
  const share = seconds / turns.length
  return turns.map((turn, index) => {
    const start = index * share
    const at = joinedAt + Math.round(start * 1e6)
    return {
      ...turn,
      timestamp: asFloat ? Math.round(at / 1e4) / 100 : isoMicros(at),
      seconds_from_start: round(start),
      duration: round(share * random.between([0.5, 0.95])),
      ...(turn.role === 'assistant' ? { inference_id: `inf_${Math.floor(random.next() * 2 ** 32).toString(36)}` } : {}),
    }
  })
}

const round = (seconds: number) => Math.round(seconds * 100) / 100
