import type { Client } from '@temporalio/client'
import type { FollowUpActivityDeps } from '../activities/follow-ups.js'
import type { Config } from './config.js'
import type { FollowUpChannel } from './domain/follow-up.js'
import type { FollowUpDrafts } from './domain/follow-up-draft.js'
import type { BusinessEvents } from './observability/events.js'
import { createBlandClient } from './providers/bland/client.js'
import { createBlandFollowUps } from './providers/bland/follow-ups.js'
import type { FollowUpCarrier } from './providers/follow-up-carrier.js'
import type { Transport } from './providers/request.js'
import { createTwilioFollowUps } from './providers/twilio/follow-ups.js'
import { createTwilioMessages } from './providers/twilio/messages-client.js'
import type { Database } from './store/database.js'
import { ownNumberOf } from './store/follow-up-person.js'
import { createFollowUpStore } from './store/follow-ups.js'
import { createFollowUpSteps, type FollowUpStepsOptions } from './store/follow-up-steps.js'
import { createQuietHoursStore } from './store/quiet-hours.js'
import { createFollowUpClient } from './temporal/follow-ups.js'

export interface FollowUpServiceOptions {
  config: Config
  database: Database
  client: Client
  events: BusinessEvents
  transports: { twilio: Transport; bland: Transport }
  drafts: FollowUpDrafts
  ingest: FollowUpActivityDeps['ingest']
  /** Other pauses than the usual ones, for tests. */
  pauses?: FollowUpStepsOptions
}

/** Calls and text messages to leads: what takes them in, and what brings them. */
export function createFollowUpServices(options: FollowUpServiceOptions) {
  const { config, database, client, events, drafts, ingest } = options
  const { gapMs, confirmMs, giveUpMs, limits } = config.followUps
  const { taskQueues } = config.temporal
  const carriers = createCarriers(options)
  const steps = createFollowUpSteps(database, options.pauses)
  const starter = createFollowUpClient({
    client,
    taskQueue: taskQueues.sessions,
    settings: { providerQueue: taskQueues.providers, limits },
  })
  return {
    store: createFollowUpStore(database, { gapMs }),
    quietHours: createQuietHoursStore(database),
    starter,
    drafts,
    /** Whether the channel's provider could bring a follow-up of the company. */
    async isConfigured(tenantId: string, channel: FollowUpChannel): Promise<boolean> {
      const carrier = carriers[channel]
      if (carrier.configured(undefined)) return true
      return carrier.configured(await database.withService(tenantId, (trx) => ownNumberOf(trx, tenantId)))
    },
    activityDeps: {
      steps,
      carriers,
      drafts,
      events,
      ingest,
      start: starter.start,
      fromNumber: config.twilio.fromNumber,
      gapMs,
      confirmMs,
      giveUpMs,
    } satisfies FollowUpActivityDeps,
  }
}

export type FollowUpServices = ReturnType<typeof createFollowUpServices>

function createCarriers({ config, transports }: FollowUpServiceOptions): Record<FollowUpChannel, FollowUpCarrier> {
  const { publicUrl } = config.server
  const { requestMs: timeoutMs } = config.followUps
  const { twilio, bland } = config
  return {
    sms: createTwilioFollowUps(
      { baseUrl: twilio.baseUrl, fromNumber: twilio.fromNumber, publicUrl },
      createTwilioMessages({ ...twilio, timeoutMs }, transports.twilio),
    ),
    call: createBlandFollowUps(
      { baseUrl: bland.baseUrl, publicUrl },
      createBlandClient({ ...bland, timeoutMs }, transports.bland),
    ),
  }
}
