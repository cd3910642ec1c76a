import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'

export interface SigningKey {
  kid: string
  privateKey: CryptoKey
  /** As anybody can fetch it. */
  publicPem: string
  jwk: JWK
}

/** An RSA pair, and the public half as the issuer publishes it. */
export async function createSigningKey(kid: string): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'RS256' }
  return { kid, privateKey, publicPem: await exportSPKI(publicKey), jwk }
}

/** What the server does with a request: the keys, another status, bytes that are no keys, or nothing at all. */
type Mode = { status: number; body: string } | 'keys' | 'silent'

/** An issuer of tokens that publishes its keys on this machine, as Clerk does. */
export async function startIssuer() {
  const keys = [await createSigningKey('ins_first')]
  const seen: { path: string; headers: IncomingHttpHeaders }[] = []
  const state: { mode: Mode } = { mode: 'keys' }
  const server = createServer((request, response) => {
    seen.push({ path: request.url ?? '', headers: request.headers })
    if (state.mode === 'silent') return
    const { status, body } =
      state.mode === 'keys' ? { status: 200, body: JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }) } : state.mode
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    issuer,
    keys,
    seen,
    answer: (mode: Mode) => void (state.mode = mode),
    /** A session token; `claims` of undefined are left out. */
    async sign(
      claims: { [K in keyof JWTPayload]: JWTPayload[K] | undefined } = {},
      { key = keys[0], header = {} }: { key?: SigningKey; header?: object } = {},
    ) {
      if (!key) throw new Error('there is no key')
      const now = Math.floor(Date.now() / 1000)
      const payload = { iss: issuer, sub: 'user_1', iat: now, nbf: now, exp: now + 60, ...claims }
      return await new SignJWT(payload as JWTPayload)
        .setProtectedHeader({ alg: 'RS256', kid: key.kid, typ: 'JWT', ...header })
        .sign(key.privateKey)
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type Issuer = Awaited<ReturnType<typeof startIssuer>>
