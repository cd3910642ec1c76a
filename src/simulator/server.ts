import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { agentControlRoutes } from './agents/control-routes.js'
import { createAgents } from './agents/agents.js'
import { agentRoutes } from './agents/routes.js'
import { presentTalk, type TalkTruth } from './agents/talk.js'
import { createApp } from './app.js'
import { createCallbacks } from './callbacks.js'
import { createClock } from './clock.js'
import { type Config, type ConfigPatch, createSettings } from './config.js'
import { controlRoutes } from './control-routes.js'
import { createConversations } from './conversations.js'
import { faultMiddleware, usualLatency } from './fault-middleware.js'
import { createFaults, type Fault, type FaultInput } from './faults.js'
import { createJournal, noJournal } from './journal.js'
import { createLifecycle } from './lifecycle.js'
import { llmRoutes } from './llm-routes.js'
import { createModel } from './model.js'
import { presentTruth, type Truth } from './presenters.js'
import { createRandom } from './random.js'
import { createRequestLog, type LoggedRequest } from './request-log.js'
import { presentRoom, roomRoutes } from './room-routes.js'
import { tavusRoutes } from './tavus-routes.js'
import { createUwcJobs } from './uwc/jobs.js'
import { uwcRoutes } from './uwc/routes.js'
import { blandCallRoutes } from './telephony/bland-calls.js'
import { telephonyControlRoutes } from './telephony/control-routes.js'
import { createTelephonyTruth, type PlacedCall, type SentMessage } from './telephony/truth.js'
import { twilioMessageRoutes } from './telephony/twilio-messages.js'
import { createWatchers } from './watchers.js'
import { noAccounts, type WebhookAccounts } from './webhooks/accounts.js'
import { providerApiRoutes } from './webhooks/api-routes.js'
import { presentWebhook, type PresentedWebhook } from './webhooks/record.js'
import { webhookControlRoutes } from './webhooks/routes.js'
import { createWebhookSender } from './webhooks/sender.js'
import { createWebhookTruth } from './webhooks/truth.js'

export interface SimulatorOptions {
  /** 0: any that is free. */
  port: number
  host: string
  apiKey: string
  /** Where the truth outlives the process. */
  dataDir?: string | undefined
  /** Makes the choices of one run those of the next. */
  seed?: number | undefined
  /** Where others reach it; what it listens at when left out. */
  publicUrl?: string | undefined
  /** Settings from the start on, as POST /__sim/config takes them. */
  timings?: ConfigPatch | undefined
  /** Secrets and ids that webhooks are signed and written with; without them none can be sent. */
  accounts?: WebhookAccounts | undefined
  /** The ML partner alone, with its webhooks and the simulator's own side; everybody unless said. */
  only?: 'uwc' | undefined
}

/** A running simulator. */
export interface Simulator {
  url: string
  port: number
  conversations: () => Truth[]
  conversation: (id: string) => Truth | undefined
  faults: { add: (fault: FaultInput) => Fault; list: () => readonly Fault[]; clear: () => void }
  /** Whom its telephones have reached. */
  reached: () => { messages: SentMessage[]; calls: PlacedCall[] }
  /** Everything that was sent for the other providers. */
  webhooks: () => PresentedWebhook[]
  /** Every address at which a talk with an agent could begin, and what came of it. */
  talks: () => TalkTruth[]
  requests: (limit?: number) => LoggedRequest[]
  configure: (patch: ConfigPatch) => Config
  reset: () => void
  close: () => Promise<void>
}

/** Starts the providers' stand-in. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const parts = build(options)
  const server = createServer((request, response) => void parts.handler(request, response))
  // Longer than a client keeps an idle connection, or it would write into one that is being closed.
  server.keepAliveTimeout = 65_000
  const { port } = await listen(server, options)
  const url = `http://${isWildcard(options.host) ? '127.0.0.1' : bracketed(options.host)}:${port}`
  try {
    parts.open(options.publicUrl?.replace(/\/+$/, '') ?? url)
  } catch (error) {
    server.close()
    throw error
  }
  return { ...parts.access, url, port, close: () => stop(server, parts.close) }
}

const isWildcard = (host: string) => host === '0.0.0.0' || host === '::'
const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host)

async function listen(server: Server, { port, host }: SimulatorOptions): Promise<AddressInfo> {
  server.listen(port, host)
  await once(server, 'listening')
  return server.address() as AddressInfo
}

async function stop(server: Server, close: () => Promise<void>): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await close()
  await closed
}

/** Everything but the socket. */
function build({ apiKey, dataDir, seed, timings, accounts = noAccounts, only }: SimulatorOptions) {
  const settings = createSettings(apiKey, timings)
  const { config } = settings
  const random = createRandom(seed ?? Math.floor(Math.random() * 2 ** 32))
  const journal = dataDir === undefined ? noJournal : createJournal(dataDir)
  const conversations = createConversations(journal)
  const faults = createFaults(random.fork(-2))
  const watchers = createWatchers()
  const callbacks = createCallbacks({ config, faults, random: random.fork(-3), conversations })
  const truth = createWebhookTruth(dataDir === undefined ? undefined : join(dataDir, 'simulator-webhooks.jsonl'))
  const people = createTelephonyTruth(dataDir === undefined ? undefined : join(dataDir, 'simulator-telephony.jsonl'))
  const sender = createWebhookSender({ config, faults, random: random.fork(-6), truth, accounts })
  const agents = createAgents({
    config,
    accounts,
    truth,
    sender,
    random: random.fork(-8),
    path: dataDir === undefined ? undefined : join(dataDir, 'simulator-agents.jsonl'),
  })
  const model = createModel(config, random.fork(-4))
  const requests = createRequestLog()
  const uwcJobs = createUwcJobs()
  const lifecycle = createLifecycle({
    config,
    conversations,
    callbacks,
    random,
    now: createClock(),
    onChange: (conversation) => watchers.send(conversation.id, () => presentRoom(conversation)),
  })
  let publicUrl = ''

  function reset() {
    const records = [sender, truth, people, callbacks, conversations, faults, requests]
    for (const part of [...records, agents, lifecycle, watchers, model, uwcJobs]) part.clear()
    settings.reset()
  }

  const faulty = faultMiddleware({ faults, latency: usualLatency(config, random.fork(-5).between) })
  const webhookControl = webhookControlRoutes({ config, accounts, truth, sender, random: random.fork(-7) })
  const others = () => [
    tavusRoutes({ config, conversations, lifecycle, faulty, publicUrl: () => publicUrl }),
    roomRoutes({ conversations, lifecycle, watchers }),
    llmRoutes({ config, model, faulty: faulty('llm') }),
    ...providerApiRoutes({ accounts, truth, faulty }),
    agentRoutes({ accounts, agents, faulty, publicUrl: () => publicUrl }),
    agentControlRoutes({ agents }),
    ...telephonyRoutes(),
  ]
  const routers = [
    ...(only === 'uwc' ? [] : others()),
    ...uwcRoutes({ config, accounts, jobs: uwcJobs, truth, sender, random: random.fork(-9), faulty }),
    webhookControl,
    controlRoutes({ settings, faults, conversations, lifecycle, callbacks, requests, model, reset }),
  ]

  function telephonyRoutes() {
    const deps = { accounts, config, people, truth, sender, faulty, random: random.fork(-8) }
    return [twilioMessageRoutes(deps), blandCallRoutes(deps), telephonyControlRoutes(people)]
  }

  return {
    handler: createApp({ routers, logged: requests.middleware }).callback(),
    open(url: string) {
      publicUrl = url
      conversations.restore().forEach((conversation) => lifecycle.resume(conversation))
      people.restore()
      sender.resume(truth.restore())
      agents.restore()
    },
    access: {
      conversations: () => [...conversations.all()].map(presentTruth),
      conversation: (id: string) => {
        const found = conversations.find(id)
        return found && presentTruth(found)
      },
      faults: { add: (fault: FaultInput) => faults.add(fault), list: faults.list, clear: faults.clear },
      reached: () => ({ messages: people.messages(), calls: people.calls() }),
      webhooks: () => [...truth.all()].map(presentWebhook),
      talks: () => [...agents.all()].map(presentTalk),
      requests: (limit = 100) => requests.recent(limit),
      configure: (patch: ConfigPatch) => settings.configure(patch),
      reset,
    },
    async close() {
      lifecycle.clear()
      agents.stop()
      watchers.clear()
      await Promise.all([callbacks.close(), sender.close()])
      agents.close()
      truth.close()
      people.close()
      journal.close()
    },
  }
}
