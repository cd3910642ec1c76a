import { type Callers, whyNot } from './callers.js'
import type { Client } from './client.js'
import { type CheckRunner, ensure, Skip } from './results.js'
import { countedPath } from './spending.js'
import { openWebSocket } from './web-socket.js'

interface Options {
  client: Client
  callers: Callers
  /** Of a user whom a limit refuses now. */
  refused: string | undefined
  check: CheckRunner
}

const paths = ['/health', '/ready', '/metrics', '/docs', '/redoc', '/openapi.json']
const times = 3

/** What is never limited is there for a user who is refused everywhere else. */
export async function checkExempt({ client, callers: { a, b }, refused, check }: Options): Promise<void> {
  const token = refused ?? a?.token
  const as = refused === undefined ? 'uncounted' : 'answered to a refused user'
  for (const path of paths)
    await check(`${path} is never limited`, async () => {
      for (let time = 1; time <= times; time++) {
        const { status, headers, seen } = await client.ask(path, { token })
        ensure(status < 400, () => seen)
        ensure(!headers.has('ratelimit'), () => `${seen} with RateLimit: ${headers.get('ratelimit') ?? ''}`)
      }
      return as
    })
  await check('a WebSocket is never limited', async () => {
    if (token === undefined) throw new Skip(whyNot(a, b))
    ;(await openWebSocket(client.base, token)).close()
    return as
  })
  await check('that user is still refused elsewhere', async () => {
    if (refused === undefined) throw new Skip('no limit was used up')
    const { status, seen } = await client.ask(countedPath, { token: refused })
    ensure(status === 429, () => seen)
    return '429'
  })
}
