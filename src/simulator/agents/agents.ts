import { randomBytes } from 'node:crypto'
import type { Config } from '../config.js'
import { createLineFile, noLineFile } from '../line-file.js'
import type { Random } from '../random.js'
import type { WebhookAccounts } from '../webhooks/accounts.js'
import { plainId } from '../webhooks/ids.js'
import { plainMarks, stateAt } from '../webhooks/record.js'
import type { WebhookSenderPart } from '../webhooks/sender.js'
import type { WebhookTruth } from '../webhooks/truth.js'
import { aftermath, type Ending, running, type Talk } from './talk.js'

export interface AgentsDeps {
  config: Config
  accounts: WebhookAccounts
  truth: WebhookTruth
  sender: WebhookSenderPart
  random: Random
  /** Where the talks outlive the process. */
  path: string | undefined
}

/** Why an address begins no talk. */
export type Refusal = 'unknown' | 'expired' | 'used'

/** Talks beyond these are forgotten at a start. */
const kept = 10_000

/** The agents of the simulated account, and every talk with them. */
export function createAgents({ config, accounts, truth, sender, random, path }: AgentsDeps) {
  const file = path === undefined ? noLineFile : createLineFile(path)
  const talks = new Map<string, Talk>()
  const timers = new Map<string, NodeJS.Timeout>()

  /** A snapshot for each change: the last one counts. */
  function keep(talk: Talk): void {
    talks.set(talk.id, talk)
    file.append(structuredClone(talk))
  }

  function end(talk: Talk, endedBy: Ending): void {
    if (talk.connectedAt === null || talk.endedAt !== null) return
    clearTimeout(timers.get(talk.id))
    timers.delete(talk.id)
    const now = Date.now()
    keep(Object.assign(talk, { endedAt: now, endedBy }))
    const script = aftermath(talk, {
      doneMs: random.between(config.agent_processing_ms),
      webhookMs: () => random.between(config.agent_webhook_ms),
    })
    const told = config.webhook_target !== null && accounts.secrets.elevenlabs.length > 0
    const records = truth.add('elevenlabs', told ? script : { ...script, steps: [] }, { now, copies: [plainMarks] })
    truth.flush()
    file.flush()
    sender.schedule(records)
  }

  function limit(talk: Talk): void {
    const leftMs = (talk.connectedAt ?? 0) + talk.maxSeconds * 1000 - Date.now()
    timers.set(
      talk.id,
      setTimeout(() => end(talk, 'max_duration'), Math.max(0, leftMs)),
    )
  }

  const isOpen = ({ connectedAt, endedAt }: Talk) => connectedAt !== null && endedAt === null

  return {
    knows: (agentId: string) =>
      agentId === accounts.script.elevenlabsAgent || config.elevenlabs_agents.includes(agentId),
    /** An address for one talk. */
    issue(agentId: string, named: boolean): Talk {
      const issuedAt = Date.now()
      const talk: Talk = {
        id: plainId('conv_', 24),
        agentId,
        signature: randomBytes(24).toString('base64url'),
        named: named ? (random.chance(0.5) ? 'address' : 'beside') : null,
        issuedAt,
        expiresAt: issuedAt + config.signed_url_seconds * 1000,
        connectedAt: null,
        endedAt: null,
        endedBy: null,
        maxSeconds: config.agent_max_seconds,
        audio: config.agent_audio,
        variables: {},
      }
      keep(talk)
      file.flush()
      return talk
    },
    /** Somebody opens the socket. */
    connect(
      id: string,
      { signature, maxSeconds, variables }: { signature?: string; maxSeconds?: number; variables: Talk['variables'] },
    ): Talk | Refusal {
      const talk = talks.get(id)
      if (!talk || (signature !== undefined && signature !== talk.signature)) return 'unknown'
      if (talk.connectedAt !== null) return 'used'
      if (Date.now() >= talk.expiresAt) return 'expired'
      keep(Object.assign(talk, { connectedAt: Date.now(), variables, maxSeconds: maxSeconds ?? talk.maxSeconds }))
      file.flush()
      limit(talk)
      return talk
    },
    end,
    find: (id: string): Talk | undefined => talks.get(id),
    all: () => talks.values(),
    /** As GET answers it; scripted lives have no talk of their own. */
    stateOf(id: string): Record<string, unknown> | undefined {
      const subject = truth.subject('elevenlabs', id)
      const talk = talks.get(id)
      return subject ? stateAt(subject, Date.now()) : talk && running(talk)
    },
    restore(): void {
      file.open((lines) => {
        for (const talk of lines as Talk[]) talks.set(talk.id, talk)
        for (const old of [...talks.keys()].slice(0, Math.max(0, talks.size - kept))) talks.delete(old)
        return [...talks.values()]
      })
      for (const talk of talks.values()) if (isOpen(talk)) limit(talk)
    },
    stop: () => timers.forEach((timer) => clearTimeout(timer)),
    clear(): void {
      timers.forEach((timer) => clearTimeout(timer))
      timers.clear()
      talks.clear()
      file.clear()
    },
    close: () => file.close(),
  }
}

export type Agents = ReturnType<typeof createAgents>
