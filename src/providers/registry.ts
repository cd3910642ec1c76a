import { join } from 'node:path'
import type { Delivery, WebhookEffect } from '../domain/webhook.js'
import { createArtefactStore } from './artefacts.js'
import type { AskedConversation, StoredDelivery, WebhookProvider } from './provider.js'
import { createClerkWebhooks } from './clerk/webhook.js'
import { createElevenLabsWebhooks } from './elevenlabs/webhook.js'
import { createTavusWebhooks, type TavusWebhookConfig } from './tavus/webhook.js'
import { createUwcWebhooks } from './uwc/webhook.js'

/** The slice of the configuration that each provider takes. */
export interface ProvidersConfig {
  tavus: TavusWebhookConfig
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
    /** Events that a provider was asked for, as the deliveries that their webhooks are. */
    deliveriesOf(provider: string, events: readonly unknown[], conversation: AskedConversation): Delivery[] {
      const { asDelivery } = get(provider)
      return asDelivery ? events.map((event) => asDelivery(event, conversation)) : []
    },
  }
}

export type ProviderRegistry = ReturnType<typeof createProviderRegistry>
