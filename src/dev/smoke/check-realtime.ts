import { type Callers, whyNot } from './callers.js'
import type { Client } from './client.js'
import { type CheckRunner, ensure, Failure, Skip } from './results.js'
import type { Settings } from './settings.js'
import { type EventSocket, openWebSocket, Refused } from './web-socket.js'

interface Options {
  client: Client
  settings: Pick<Settings, 'devEmitKey'>
  callers: Callers
  check: CheckRunner
}

const longestMs = 1000

/** Events reach who may hear them, at once, and again to whoever asks for what it missed. */
export async function checkRealtime({ client, settings, callers, check }: Options): Promise<void> {
  const { a, b } = callers
  const sockets: EventSocket[] = []
  const emitted: string[] = []
  let began: string | undefined
  const open = async (token: string | undefined) => {
    const socket = await openWebSocket(client.base, token)
    sockets.push(socket)
    return socket
  }
  const needs = () => {
    if (!a) throw new Skip(whyNot(a, b))
    return { caller: a, channel: `tenant:${a.companyId}:events` }
  }
  const emit = async (companyId: string): Promise<string> => {
    const { devEmitKey } = settings
    if (devEmitKey === undefined) throw new Skip('no DEV_EMIT_KEY was given')
    const path = `/ws/test-emit?event=task.updated&tenant_id=${companyId}`
    const answer = await client.askPatiently(path, { method: 'POST', headers: { 'x-dev-key': devEmitKey } })
    const hint = answer.status === 404 ? ': is its DEV_EMIT_KEY another one, or not set?' : ''
    ensure(answer.status === 202, () => `${answer.seen}${hint}`)
    const id = String(answer.body?.id)
    emitted.push(id)
    return id
  }

  await check('a WebSocket without a token is refused', async () => {
    const status = await open(undefined).then(
      () => 101,
      (error: unknown) => (error instanceof Refused ? error.status : Promise.reject(error as Error)),
    )
    ensure(status === 401, () => `the WebSocket at /ws was answered ${status}`)
    return '401'
  })
  await check('A subscribes to its company', async () => {
    const { caller, channel } = needs()
    const answer = await (await open(caller.token)).subscribe(channel)
    ensure(answer.type === 'subscribed', () => `answered ${answer.type} ${answer.code ?? ''}`)
    began = answer.last_id
    return `after event ${began}`
  })
  await check('B may not subscribe to it', async () => {
    const { channel } = needs()
    if (!b) throw new Skip(whyNot(a, b))
    const answer = await (await open(b.token)).subscribe(channel)
    ensure(answer.type === 'error' && answer.code === 'channel_forbidden', () => `answered ${answer.type}`)
    return 'channel_forbidden'
  })
  await check('an event arrives in less than a second', async () => {
    const { caller, channel } = needs()
    const socket = await open(caller.token)
    await socket.subscribe(channel)
    const sentAt = performance.now()
    const id = await emit(caller.companyId)
    const tookMs = (await socket.hear((said) => said.id === id, `event ${id}`)).atMs - sentAt
    ensure(tookMs < longestMs, () => `event ${id} took ${Math.round(tookMs)} ms`)
    return `${Math.round(tookMs)} ms with the request that wrote it`
  })
  await check('what came since an event is replayed, once and in order', async () => {
    const { caller, channel } = needs()
    const last = await emit(caller.companyId)
    if (began === undefined) throw new Failure('A could not subscribe')
    const socket = await open(caller.token)
    await socket.subscribe(channel, began)
    await socket.hear((said) => said.id === last, `event ${last}`)
    const again = socket.heard.flatMap(({ id }) => (id && emitted.includes(id) ? [id] : []))
    ensure(again.join() === emitted.join(), () => `wrote ${emitted.join(', ')}, and heard ${again.join(', ')}`)
    return `events ${again.join(', ')}`
  })
  for (const socket of sockets) socket.close()
}
