import type { Client } from './client.js'
import { problemOf } from './problem.js'
import { type CheckRunner, ensure } from './results.js'

/** Every error is problem details that say what is wrong. */
export async function checkErrors({ client, check }: { client: Client; check: CheckRunner }): Promise<void> {
  const ask = client.askPatiently
  await check('an unknown path is a 404', async () => {
    const { code } = problemOf(await ask('/there-is-nothing-here'), 404)
    return String(code)
  })
  await check('another method is a 405 with Allow', async () => {
    const answer = await ask('/auth/login', { method: 'DELETE' })
    problemOf(answer, 405)
    const allow = answer.headers.get('allow') ?? ''
    ensure(/\bPOST\b/.test(allow), () => `${answer.seen}, Allow: ${allow || 'none'}`)
    return `Allow: ${allow}`
  })
  await check('a wrong field is a 422 that names it', async () => {
    const answer = await ask('/auth/login', { method: 'POST', body: { email: 'no address', password: 'x' } })
    const { errors } = problemOf(answer, 422) as { errors?: { pointer: string }[] }
    const pointers = (errors ?? []).map(({ pointer }) => pointer).join(', ')
    ensure(pointers === '/email', () => `${answer.seen}, names: ${pointers || 'none'}`)
    return pointers
  })
  await check('a call without a token is a 401', async () => await challenge(undefined, /^Bearer$/))
  await check(
    'a call with a wrong token is a 401',
    async () => await challenge('wrong', /^Bearer error="invalid_token"/),
  )

  async function challenge(token: string | undefined, form: RegExp): Promise<string> {
    const answer = await ask('/auth/me', { token })
    problemOf(answer, 401)
    const header = answer.headers.get('www-authenticate') ?? ''
    ensure(form.test(header), () => `${answer.seen}, WWW-Authenticate: ${header || 'none'}`)
    return `WWW-Authenticate: ${header}`
  }
}
