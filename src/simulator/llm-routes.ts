import { randomUUID } from 'node:crypto'
import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { z } from 'zod'
import type { Config } from './config.js'
import { InvalidInput, parse } from './invalid.js'
import type { Model } from './model.js'

const message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z
    .union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() })), z.null()])
    .optional(),
})

const completionRequest = z.looseObject({
  model: z.string().default('sim-model'),
  messages: z.array(message).min(1),
  stream: z.boolean().default(false),
})

type CompletionRequest = z.output<typeof completionRequest>

export interface LlmDeps {
  config: Config
  model: Model
  faulty: Middleware
}

/** The model behind a persona: OpenAI's chat completions, and a health check that a cold model lets wait. */
export function llmRoutes({ config, model, faulty }: LlmDeps): Router {
  const router = new Router({ prefix: '/llm' })
  const authenticated: Middleware = (ctx, next) => {
    if (config.llm_api_key === null || ctx.get('authorization') === `Bearer ${config.llm_api_key}`) return next()
    ctx.status = 401
    ctx.body = openAiError('Incorrect API key provided', 'invalid_api_key')
  }

  router.get('/healthz', faulty, authenticated, async (ctx) => {
    const started = performance.now()
    const found = await model.ready()
    ctx.body = { status: 'ok', found, waited_ms: Math.round(performance.now() - started) }
  })

  router.post('/chat/completions', faulty, authenticated, async (ctx) => {
    const request = readRequest(ctx)
    if (request === undefined) return
    await model.ready()
    const answer = replyTo(request)
    if (request.stream) await stream(ctx, request.model, answer, model)
    else await complete(ctx, request.model, answer, model)
  })

  return router
}

function readRequest(ctx: Context): CompletionRequest | undefined {
  try {
    return parse(completionRequest, ctx.request.body)
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error
    ctx.status = 400
    ctx.body = openAiError(error.message, 'invalid_request_error')
    return undefined
  }
}

const openAiError = (text: string, code: string) => ({
  error: { message: text, type: 'invalid_request_error', param: null, code },
})

function replyTo({ messages }: CompletionRequest): string {
  const content = messages.findLast(({ role }) => role === 'user')?.content
  const said = typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join(' ')
  if (said.trim() === '') return 'Hello! It is good to see you. What would you like to talk about today?'
  return `You said: ${said.trim().slice(0, 200)} That is worth a closer look. What matters most to you about it?`
}

const envelope = (model: string, object: string) => ({
  id: `chatcmpl-${randomUUID()}`,
  object,
  created: Math.floor(Date.now() / 1000),
  model,
})

/** Stops when the socket closes: speculative requests are abandoned all the time (docs.tavus.io pal/llm). */
async function stream(ctx: Context, name: string, text: string, model: Model): Promise<void> {
  const { res } = ctx
  if (res.destroyed) return void (await model.generate(text, { onToken: () => undefined, isHeard: () => false }))
  ctx.respond = false
  res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  const common = envelope(name, 'chat.completion.chunk')
  const send = (delta: object, finish_reason: string | null = null) =>
    res.write(`data: ${JSON.stringify({ ...common, choices: [{ index: 0, delta, finish_reason }] })}\n\n`)
  send({ role: 'assistant', content: '' })
  const onToken = (content: string) => void send({ content })
  if (!(await model.generate(text, { onToken, isHeard: () => !res.destroyed }))) return
  send({}, 'stop')
  res.end('data: [DONE]\n\n')
}

async function complete(ctx: Context, name: string, text: string, model: Model): Promise<void> {
  await model.generate(text, { onToken: () => undefined, isHeard: () => !ctx.res.destroyed })
  const tokens = text.split(/\s+/).length
  ctx.body = {
    ...envelope(name, 'chat.completion'),
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 0, completion_tokens: tokens, total_tokens: tokens },
  }
}
