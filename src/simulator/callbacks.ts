import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { createClock, isoMicros } from './clock.js'
import type { Config } from './config.js'
import type { CallbackEvent, Conversation, Delivery } from './conversation.js'
import type { Conversations } from './conversations.js'
import type { CallbackFault, Faults } from './faults.js'
import type { Random } from './random.js'
import { createWorkQueue } from './work-queue.js'

const atOnce = 64
const firstRetryMs = 500
const defaultDelayMs = 2000

type Kind = CallbackFault['kind']
type Marks = Partial<Pick<Delivery, 'duplicated' | 'forged' | 'delayed_ms'>>

export interface CallbackDeps {
  config: Config
  faults: Faults
  random: Random
  conversations: Conversations
}

/** Sends callbacks, with the faults that strike them, and writes down what became of each. */
export function createCallbacks({ config, faults, random, conversations }: CallbackDeps) {
  const agent = new Agent({ connections: atOnce, keepAliveTimeout: 4000 })
  const now = createClock()
  let queue = createWorkQueue(atOnce)
  let life = newLife()

  async function send(conversation: Conversation, event: CallbackEvent, marks: Marks = {}): Promise<void> {
    const url = marks.forged ? forgedUrl(conversation.callbackUrl) : conversation.callbackUrl
    if (url === null) return
    if (marks.delayed_ms) await sleep(marks.delayed_ms, undefined, { signal: life.signal })
    const body = JSON.stringify({ ...event, webhook_url: url })
    const delivery = await queue.run(() => attempts(url, body, { ...blank(event, isoMicros(now())), ...marks }))
    conversations.addDelivery(conversation, delivery)
  }

  async function attempts(url: string, body: string, delivery: Delivery): Promise<Delivery> {
    const started = performance.now()
    let outcome: Partial<Delivery> = {}
    for (let attempt = 1; attempt <= 1 + config.callback_retries; attempt++) {
      if (attempt > 1) await sleep(firstRetryMs * 2 ** (attempt - 2), undefined, { signal: life.signal })
      outcome = { attempts: attempt, ...(await post(url, body)) }
      if (outcome.status && outcome.status < 300) break
    }
    return { ...delivery, ...outcome, duration_ms: Math.round(performance.now() - started) }
  }

  async function post(url: string, body: string): Promise<Pick<Delivery, 'status' | 'error'>> {
    try {
      const signal = AbortSignal.any([life.signal, AbortSignal.timeout(config.callback_timeout_ms)])
      const headers = { 'content-type': 'application/json' }
      const response = await request(url, { method: 'POST', headers, body, signal, dispatcher: agent })
      await response.body.dump()
      return { status: response.statusCode, error: null }
    } catch (error) {
      return { status: null, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
    }
  }

  /** Each copy of the callback that these faults make of one. */
  function copies(struck: CallbackFault[]): Marks[] {
    const delayOf = (kind: Kind) => struck.find((fault) => fault.kind === kind)?.delay_ms ?? defaultDelayMs
    const has = (kind: Kind) => struck.some((fault) => fault.kind === kind)
    const reordered = has('reorder') ? random.next() * delayOf('reorder') : 0
    const delayed_ms = Math.round(reordered + (has('delay') ? delayOf('delay') : 0))
    const apart = Math.round(random.chance(0.5) ? 0 : random.next() * delayOf('duplicate'))
    return [
      { delayed_ms },
      ...(has('duplicate') ? [{ duplicated: true, delayed_ms: delayed_ms + apart }] : []),
      ...(has('forged_token') ? [{ forged: true, delayed_ms }] : []),
    ]
  }

  return {
    /** Resolves when all copies are sent; a lost one only leaves its trace. */
    async deliver(conversation: Conversation, event: CallbackEvent): Promise<void> {
      if (conversation.callbackUrl === null) return
      const struck = faults.strikeCallback(event.event_type)
      if (struck.some((fault) => fault.kind === 'lost'))
        return conversations.addDelivery(conversation, { ...blank(event, isoMicros(now())), lost: true })
      // A reset or the end of the process interrupts the wait; there is nobody left to tell.
      await Promise.allSettled(copies(struck).map((marks) => send(conversation, event, marks)))
    },
    async redeliver(conversation: Conversation, event: CallbackEvent): Promise<void> {
      await Promise.allSettled([send(conversation, event, { duplicated: true })])
    },
    /** Forgets what waits to be sent. */
    clear(): void {
      life.abort()
      life = newLife()
      queue.clear()
      queue = createWorkQueue(atOnce)
    },
    async close(): Promise<void> {
      life.abort()
      queue.clear()
      await agent.destroy()
    },
  }
}

export type Callbacks = ReturnType<typeof createCallbacks>

/** What every waiting callback listens to: far more than the ten that Node takes for a leak. */
function newLife(): AbortController {
  const life = new AbortController()
  setMaxListeners(0, life.signal)
  return life
}

const blank = (event: CallbackEvent, sentAt: string): Delivery => ({
  event_type: event.event_type,
  timestamp: event.timestamp,
  sent_at: sentAt,
  status: null,
  attempts: 0,
  lost: false,
  duplicated: false,
  forged: false,
  delayed_ms: 0,
  duration_ms: null,
  error: null,
})

/** The same address with another proof: as long, and never the right one. */
export function forgedUrl(callbackUrl: string | null): string | null {
  if (callbackUrl === null) return null
  const url = new URL(callbackUrl)
  const keys = [...url.searchParams.keys()]
  const key = keys.includes('token') ? 'token' : (keys.at(-1) ?? 'token')
  url.searchParams.set(key, forge(url.searchParams.get(key) ?? ''))
  return url.href
}

const forge = (token: string) => (token === '' ? 'forged' : `${token.startsWith('A') ? 'B' : 'A'}${token.slice(1)}`)
