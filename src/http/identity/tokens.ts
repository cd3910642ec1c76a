import { decodeJwt, decodeProtectedHeader } from 'jose'
import { createClerkTokens } from './clerk-tokens.js'
import { type Identified, invalidToken } from './failure.js'
import { createOwnTokens } from './own-tokens.js'

interface TokenReaderOptions extends Omit<Parameters<typeof createClerkTokens>[0], 'config'> {
  jwtSecret: string
  /** Absent: no token of Clerk is accepted. */
  clerk: Parameters<typeof createClerkTokens>[0]['config'] | undefined
}

export interface TokenReader {
  /** Whether the token says that Clerk made it: only then does reading it ask others. */
  isClerks(token: string): boolean
  read(token: string): Promise<Identified>
}

/** Who a bearer token says that calls; for requests, and for whoever else is handed one. */
export function createTokenReader({ jwtSecret, clerk, ...options }: TokenReaderOptions): TokenReader {
  const own = createOwnTokens({ jwtSecret })
  const ofClerk = clerk && createClerkTokens({ config: clerk, ...options })
  const isClerks = (token: string) => clerk !== undefined && issuerOf(token) === clerk.issuer
  return {
    isClerks,
    async read(token) {
      if (hasCriticalExtensions(token)) return invalidToken('header crit: an extension that we do not know')
      // Who verifies follows from who is named as the issuer. By the algorithm it would be the attacker's choice.
      return await (ofClerk && isClerks(token) ? ofClerk(token) : own(token))
    },
  }
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss
  } catch {
    return undefined
  }
}

/** RFC 7515: what is marked as critical must be understood, and we understand none of it. */
function hasCriticalExtensions(token: string): boolean {
  try {
    return decodeProtectedHeader(token).crit !== undefined
  } catch {
    return false
  }
}
