import { z } from 'zod'
import { route, type Route } from '../route.js'
import type { ReceivingProvider, WebhookReceiver } from '../webhook-receiver.js'

export interface WebhookRouteDeps {
  providers: readonly ReceivingProvider[]
  receiver: WebhookReceiver
  bodyLimitBytes: number
}

const answerSchema = z
  .object({
    status: z.enum(['processed', 'accepted', 'duplicate_ignored']),
    provider: z.string(),
    event_id: z.string().meta({ description: 'The event, the same for every delivery of it' }),
  })
  .meta({ id: 'WebhookAnswer' })

/** Where providers send what happens; each answers within WEBHOOK_ACK_MS. */
export const webhookRoutes = (deps: WebhookRouteDeps): Route[] =>
  deps.providers.map((provider) => webhookRoute(provider, deps))

function webhookRoute(provider: ReceivingProvider, { receiver, bodyLimitBytes }: WebhookRouteDeps): Route {
  return route({
    method: 'post',
    path: provider.paths as [string, ...string[]],
    operationId: `${provider.name}Webhook`,
    summary: `Takes a webhook of ${provider.name}`,
    tags: ['webhooks'],
    auth: 'none',
    // Whoever has the provider's secret may send as much as happens.
    anonymousLimit: false,
    request: { raw: { limitBytes: bodyLimitBytes } },
    responses: {
      200: { description: 'Processed, or seen before', schema: answerSchema },
      202: { description: 'Durable, processed later', schema: answerSchema },
    },
    handler: async ({ raw, ctx }) => {
      const arrivedAt = Date.now()
      const url = new URL(ctx.originalUrl, 'http://localhost')
      return await receiver.receive(provider, { rawBody: raw, headers: ctx.headers, url, arrivedAt })
    },
  })
}
