import { z } from 'zod'
import { InvalidRequestError } from '../../domain/errors.js'
import { streamRaw } from '../body.js'
import { type Incoming, type RawDocumentation, type ResponseDefinition, route, type Route } from '../route.js'
import type { ReceivingProvider, ReceivingRoute, WebhookAnswer, WebhookReceiver } from '../webhook-receiver.js'

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
  deps.providers.flatMap((provider) => provider.routes.map((address) => webhookRoute(provider, address, deps)))

function webhookRoute(
  provider: ReceivingProvider,
  address: ReceivingRoute,
  { receiver, bodyLimitBytes }: WebhookRouteDeps,
): Route {
  const common = {
    method: 'post',
    path: address.paths,
    operationId: `${address.name}Webhook`,
    summary: address.documentation.summary,
    description: `Of ${provider.name}; see docs/webhooks.md. A slash at the end of the address is as good.`,
    tags: ['webhooks'],
    auth: 'none',
    // Whoever has the provider's secret may send as much as happens.
    limits: false,
    request: {
      raw: {
        ...(provider.intake
          ? { limitBytes: provider.intake.limitBytes, streamed: true }
          : { limitBytes: bodyLimitBytes }),
        documented: documentationOf(address),
      },
    },
  } as const
  const receive = async ({ raw, ctx }: Pick<Incoming, 'raw' | 'ctx'>) => {
    const arrivedAt = Date.now()
    const target = ctx.originalUrl
    const url = addressOf(target)
    const stream = provider.intake ? { stream: streamRaw(ctx, provider.intake.limitBytes) } : {}
    return await receiver.receive(provider, { rawBody: raw, ...stream, headers: ctx.headers, url, target, arrivedAt })
  }
  if (address.answer) return ownAnswer(common, address.answer, receive)
  return route({
    ...common,
    responses: {
      200: { description: 'Processed, or seen before', schema: answerSchema },
      202: { description: 'Durable, processed later', schema: answerSchema },
      ...refusals,
    },
    handler: receive,
  })
}

/**
 * Path and query of a request's target, which a proxy may send with its whole address. Routes are found in any case, and
 * so is what the path says; the query is as it came.
 * @throws InvalidRequestError 400 for what is no address
 */
function addressOf(target: string): URL {
  const address = `http://localhost${target.replace(/^https?:\/\/[^/?#]*/i, '')}`
  if (!URL.canParse(address)) throw new InvalidRequestError('the address cannot be read', undefined, 400)
  const url = new URL(address)
  url.pathname = url.pathname.toLowerCase()
  return url
}

const refusals = {
  400: { description: 'The body cannot be read' },
  401: { description: 'Not authentic: no signature, a wrong one, or one of another time; nothing is stored' },
  413: { description: 'The body is too large' },
  422: { description: 'A field of the event is missing or wrong; `errors` names it' },
  500: { description: 'Failed for good; the delivery may be sent again, or replayed' },
  503: { description: 'The provider’s secret is not configured, or neither database nor disk takes the delivery' },
} as const

function documentationOf({ documentation }: ReceivingRoute): RawDocumentation {
  const { contentTypes = ['application/json'], signature = {}, otherHeaders = {}, query = {} } = documentation
  const parameters = (place: 'header' | 'query', named: Readonly<Record<string, string>>, required: boolean) =>
    Object.entries(named).map(([name, description]) => ({ in: place, name, description, required }))
  return {
    contentTypes,
    parameters: [
      ...parameters('query', query, true),
      ...parameters('header', signature, true),
      ...parameters('header', otherHeaders, false),
    ],
  }
}

const statusHeader = { 'X-Webhook-Status': 'processed, accepted or duplicate_ignored' }

/** A provider reads its own form of an answer; what became of the event stands in a header. */
function ownAnswer(
  common: Omit<Parameters<typeof route>[0], 'responses' | 'handler'>,
  answer: NonNullable<ReceivingRoute['answer']>,
  receive: (incoming: Pick<Incoming, 'raw' | 'ctx'>) => Promise<WebhookAnswer>,
): Route {
  const { status, description } = answer
  const responses: Record<number, ResponseDefinition> = { ...refusals }
  responses[status] = {
    description,
    headers: statusHeader,
    ...(status === 200 ? { contentType: answer.contentType } : {}),
  }
  return route({
    ...common,
    responses,
    handler: async (incoming: Pick<Incoming, 'raw' | 'ctx'>) => {
      const { body } = await receive(incoming)
      const headers = { 'X-Webhook-Status': body.status, 'X-Webhook-Event': encodeURIComponent(body.event_id) }
      if (status === 204) return { status, headers }
      return { status, headers: { ...headers, 'Content-Type': answer.contentType }, body: answer.body }
    },
  })
}
