import { join } from 'node:path'
import type { Delivery, WebhookEffect } from '../domain/webhook.js'
import { createBlandWebhooks } from './bland/webhook.js'
import { createCallrailWebhooks } from './callrail/webhook.js'
import type { AskedConversation, StoredDelivery, WebhookProvider } from './provider.js'
import { createLivekitWebhooks, type LivekitWebhookConfig } from './livekit/webhook.js'
import { createTavusWebhooks, type TavusWebhookConfig } from './tavus/webhook.js'
import { createTwilioWebhooks } from './twilio/webhook.js'
import { createArtefactStore } from './artefacts.js'
import { createClerkWebhooks } from './clerk/webhook.js'
import { createElevenLabsWebhooks } from './elevenlabs/webhook.js'
import { createUwcWebhooks } from './uwc/webhook.js'

/** The slice of the configuration that each provider takes. */
export interface ProvidersConfig {
  tavus: TavusWebhookConfig
  twilio: { authTokens: readonly string[] }
  callrail: { webhookSecrets: readonly string[] }
  bland: { webhookSecrets: readonly string[] }
  server: { publicUrl: string }
  livekit: Omit<LivekitWebhookConfig, 'acceptUnsigned'>
  clerk: { webhookSecrets: readonly string[] }
  uwc: { webhookSecrets: readonly string[] }
  elevenlabs: { webhookSecrets: readonly string[] }
  webhooks: { acceptUnsigned: boolean; bodyLimitBytes: number }
  dataDir: string
}

/** Where files that providers send are kept. */
export const artefactDir = (dataDir: string) => join(dataDir, 'artefacts')

/** Every provider of webhooks; a new one is one line here. */
export function createProviderRegistry(config: ProvidersConfig, more: readonly WebhookProvider[] = []) {
  const { acceptUnsigned, bodyLimitBytes } = config.webhooks
  const artefacts = createArtefactStore({ dir: artefactDir(config.dataDir) })
  const all: readonly WebhookProvider[] = [
    createTavusWebhooks(config.tavus),
    createTwilioWebhooks({ ...config.twilio, publicUrl: config.server.publicUrl, acceptUnsigned }),
    createCallrailWebhooks({ ...config.callrail, acceptUnsigned }),
    createBlandWebhooks({ ...config.bland, acceptUnsigned }),
    createLivekitWebhooks({ ...config.livekit, acceptUnsigned }),
    createClerkWebhooks({ ...config.clerk, acceptUnsigned }),
    createUwcWebhooks({ ...config.uwc, acceptUnsigned }),
    createElevenLabsWebhooks({ ...config.elevenlabs, acceptUnsigned, bodyLimitBytes, artefacts }),
    ...more,
  ]
  const byName = new Map(all.map((provider) => [provider.name, provider]))
  const get = (name: string): WebhookProvider => {
    const provider = byName.get(name)
    if (!provider) throw new Error(`no provider ${name}`)
    return provider
  }
  return {
    all,
    /** What a stored delivery does. */
    effectsOf: ({ provider, ...stored }: StoredDelivery & { provider: string }): WebhookEffect =>
      get(provider).effects(stored),
    /** Bytes that a provider would have sent, to its first address unless said, as the delivery that they are. */
    parse(provider: string, rawBody: Buffer, path?: string): Delivery {
      const { parse, routes } = get(provider)
      return parse(rawBody, {}, new URL(path ?? routes[0]?.paths[0] ?? '/', 'http://localhost'), {})
    },
    /** Events that a provider was asked for, as the deliveries that their webhooks are. */
    deliveriesOf(provider: string, events: readonly unknown[], conversation: AskedConversation): Delivery[] {
      const { asDelivery } = get(provider)
      return asDelivery ? events.map((event) => asDelivery(event, conversation)) : []
    },
  }
}

export type ProviderRegistry = ReturnType<typeof createProviderRegistry>
