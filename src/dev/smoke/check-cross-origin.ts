import type { Client } from './client.js'
import { problemOf } from './problem.js'
import { type CheckRunner, ensure } from './results.js'
import type { Settings } from './settings.js'

interface Options {
  client: Client
  settings: Pick<Settings, 'originOk' | 'originBad'>
  check: CheckRunner
}

/** Browsers of one origin may call, those of another may not. */
export async function checkCrossOrigin({ client, settings: { originOk, originBad }, check }: Options): Promise<void> {
  const preflight = (origin: string) =>
    client.ask('/auth/me', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET' } })

  await check('an allowed origin may call', async () => {
    const { status, headers, seen } = await client.ask('/health', { headers: { origin: originOk } })
    const allowed = headers.get('access-control-allow-origin')
    ensure(status === 200 && allowed === originOk, () => `${originOk}: ${seen}, allowed: ${allowed ?? 'none'}`)
    return originOk
  })
  await check('its preflight is answered', async () => {
    const { status, headers, seen } = await preflight(originOk)
    const methods = headers.get('access-control-allow-methods')
    ensure(status === 204 && /\bGET\b/.test(methods ?? ''), () => `${seen}, methods: ${methods ?? 'none'}`)
    return '204'
  })
  await check('another origin is refused', async () => {
    const answer = await client.ask('/health', { headers: { origin: originBad } })
    const { code } = problemOf(answer, 403)
    const allowed = answer.headers.get('access-control-allow-origin')
    ensure(allowed === null, () => `${answer.seen}, and yet allowed: ${allowed}`)
    return `${originBad}: 403 ${String(code)}`
  })
  await check('its preflight is refused', async () => {
    problemOf(await preflight(originBad), 403)
    return '403'
  })
}
