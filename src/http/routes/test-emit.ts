import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { NotFoundError } from '../../domain/errors.js'
import { eventNames } from '../../domain/event.js'
import type { Services } from '../../services.js'
import { type Route, route } from '../route.js'

const querySchema = z.strictObject({
  event: z.enum(eventNames),
  tenant_id: z.guid(),
  user_id: z.string().min(1).max(200).optional(),
  lead_id: z.string().min(1).max(200).optional(),
  session_id: z.guid().optional(),
})

const headersSchema = z.object({ 'x-dev-key': z.string().optional() })
const emittedSchema = z
  .object({ id: z.string(), event: z.string(), tenant_id: z.string() })
  .meta({ id: 'EmittedEvent' })

type Deps = Pick<Services, 'realtime' | 'config'>

/** Writes an event by hand, to try a connection; only where DEV_EMIT_KEY is set, and never in production. */
export function testEmitRoutes({ realtime, config }: Deps): Route[] {
  const key = config.observability.devEmitKey
  if (key === undefined || config.production) return []
  return (['get', 'post'] as const).map((method) =>
    route({
      method,
      path: '/ws/test-emit',
      operationId: method === 'get' ? 'testEmit' : 'testEmitByPost',
      summary: 'Write an event with the data of its example',
      tags: ['realtime'],
      auth: 'none',
      request: { query: querySchema, headers: headersSchema },
      responses: {
        202: { description: 'Written; readers get it', schema: emittedSchema },
        404: { description: 'The key is wrong, or there is no such company' },
      },
      async handler({ query, headers, traceId }) {
        if (!isEqual(headers['x-dev-key'] ?? '', key)) throw new NotFoundError('there is nothing at this path')
        const { event, tenant_id: tenantId, user_id: userId, lead_id: leadId, session_id: sessionId } = query
        const id = await realtime.emit({ event, tenantId, userId, leadId, sessionId, traceId })
        if (id === undefined) throw new NotFoundError('no such company')
        return { status: 202, body: { id, event, tenant_id: tenantId } }
      },
    }),
  )
}

const digest = (text: string) => createHash('sha256').update(text).digest()
/** In constant time, whatever the lengths. */
const isEqual = (given: string, key: string) => timingSafeEqual(digest(given), digest(key))
