import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import type { ApiOperation } from '../faults.js'
import type { WebhookAccounts } from '../webhooks/accounts.js'
import { audioOf, elevenlabsSchema } from '../webhooks/elevenlabs.js'
import type { Agents } from './agents.js'
import type { Talk } from './talk.js'

export interface AgentRoutesDeps {
  accounts: WebhookAccounts
  agents: Agents
  faulty: (operation: ApiOperation) => Middleware
  publicUrl: () => string
}

type WithParams = Context & { params: Record<string, string> }

/** The agents' API: signed URLs, conversations and their audio (elevenlabs.io/docs/api-reference/conversations). */
export function agentRoutes({ accounts, agents, faulty, publicUrl }: AgentRoutesDeps): Router {
  const router = new Router({ prefix: '/v1/convai' })

  const authenticated: Middleware = (ctx, next) =>
    accounts.elevenlabsApiKey !== undefined && ctx.get('xi-api-key') === accounts.elevenlabsApiKey
      ? next()
      : refuse(ctx, 401, 'invalid_api_key', 'Invalid API key')

  router.get('/conversation/get-signed-url', faulty('signed_url'), authenticated, (ctx) => {
    const { agent_id: agentId, include_conversation_id: named } = ctx.query
    if (typeof agentId !== 'string' || agentId === '') {
      ctx.status = 422
      ctx.body = { detail: [{ loc: ['query', 'agent_id'], msg: 'Field required', type: 'missing' }] }
      return
    }
    if (!agents.knows(agentId)) return refuse(ctx, 404, 'agent_not_found', `Agent ${agentId} was not found`)
    ctx.body = signed(agents.issue(agentId, named === 'true'), publicUrl())
  })

  router.get('/conversations', faulty('elevenlabs'), authenticated, (ctx) => {
    const { agent_id: agentId, page_size: size = '30', cursor } = ctx.query
    const pageSize = Number(size)
    if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > 100) {
      ctx.status = 422
      ctx.body = { detail: [{ loc: ['query', 'page_size'], msg: 'must be from 1 to 100', type: 'value_error' }] }
      return
    }
    const begun = [...agents.all()]
      .filter((talk) => talk.connectedAt !== null && (agentId === undefined || talk.agentId === agentId))
      .reverse()
    const from = typeof cursor === 'string' ? begun.findIndex(({ id }) => id === cursor) + 1 : 0
    const page = begun.slice(from, from + pageSize)
    const more = begun.length > from + pageSize
    ctx.body = {
      conversations: page.map((talk) => summaryOf(agents.stateOf(talk.id) ?? {})),
      next_cursor: more ? (page.at(-1)?.id ?? null) : null,
      has_more: more,
    }
  })

  const one = (ctx: WithParams): Record<string, unknown> | undefined => {
    const id = ctx.params.id ?? ''
    const state = agents.stateOf(id)
    if (!state) refuse(ctx, 404, 'conversation_not_found', `Conversation with id ${id} was not found`)
    return state
  }

  router.get('/conversations/:id', faulty('elevenlabs'), authenticated, (ctx: WithParams) => {
    const state = one(ctx)
    if (state) ctx.body = state
  })
  router.get('/conversations/:id/audio', faulty('elevenlabs'), authenticated, (ctx: WithParams) => {
    const state = one(ctx)
    if (!state) return
    if (state.has_audio !== true) return refuse(ctx, 404, 'missing_conversation_audio', 'There is no audio')
    ctx.type = 'audio/mpeg'
    ctx.body = audioOf(elevenlabsSchema.parse({}).audio_bytes)
  })
  return router
}

/** Nothing says where the id stands: beside the address, or in it. */
function signed({ id, agentId, signature, named }: Talk, publicUrl: string): Record<string, string> {
  const url = new URL(`${publicUrl.replace(/^http/, 'ws')}/v1/convai/conversation`)
  url.searchParams.set('agent_id', agentId)
  url.searchParams.set('conversation_signature', signature)
  if (named === 'address') url.searchParams.set('conversation_id', id)
  return { signed_url: url.href, ...(named === 'beside' ? { conversation_id: id } : {}) }
}

function summaryOf({ transcript, metadata, analysis, ...state }: Record<string, unknown>) {
  const { start_time_unix_secs, call_duration_secs } = (metadata ?? {}) as Record<string, unknown>
  const { agent_id, agent_name, conversation_id, status } = state
  const { call_successful = 'unknown' } = (analysis ?? {}) as Record<string, unknown>
  return {
    ...{ agent_id, agent_name, conversation_id, status, call_successful },
    ...{ start_time_unix_secs, call_duration_secs },
    message_count: Array.isArray(transcript) ? transcript.length : 0,
  }
}

function refuse(ctx: Context, code: number, status: string, message: string): undefined {
  ctx.status = code
  ctx.body = { detail: { status, message } }
}
