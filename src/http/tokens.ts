import { SignJWT } from 'jose'
import type { Role } from '../domain/identity.js'
import type { HttpConfig } from './app-services.js'

interface TokenSubject {
  id: string
  email: string
  companyId: string
  role: Role
}

/** Signs access tokens; the authentication middleware is what accepts them. */
export function createTokens({
  jwtSecret,
  jwtExpSeconds,
}: Pick<HttpConfig['identity'], 'jwtSecret' | 'jwtExpSeconds'>) {
  const key = new TextEncoder().encode(jwtSecret)
  return {
    async sign({ id, email, companyId, role }: TokenSubject): Promise<{ token: string; expiresInSeconds: number }> {
      const now = Math.floor(Date.now() / 1000)
      const token = await new SignJWT({ email, company_id: companyId, role })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(id)
        .setIssuedAt(now)
        .setExpirationTime(now + jwtExpSeconds)
        .sign(key)
      return { token, expiresInSeconds: jwtExpSeconds }
    },
  }
}

export type Tokens = ReturnType<typeof createTokens>
