import jwt from 'koa-jwt'

type CheckOptions = Pick<jwt.Options, 'algorithms' | 'issuer' | 'audience' | 'secret'> & {
  /** Seconds that another machine's clock may be off. */
  clockTolerance?: number
}

interface CheckState {
  token: string
  user?: unknown
  jwtOriginalError?: Error
}

type Checked = { claims: unknown } | { error: Error }

/** koa-jwt's check of a token that lies in hand: a WebSocket's comes in another header, and in no Koa context. */
export function createJwtCheck(options: CheckOptions): (token: string) => Promise<Checked> {
  const check = jwt({ ...options, passthrough: true, getToken: (ctx) => (ctx.state as CheckState).token })
  return async (token) => {
    const state: CheckState = { token }
    await check({ state } as unknown as Parameters<typeof check>[0], async () => {})
    return state.jwtOriginalError ? { error: state.jwtOriginalError } : { claims: state.user }
  }
}
