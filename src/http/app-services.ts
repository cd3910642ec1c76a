import type { NewEvent } from '../domain/event.js'
import type { BearerStanding, Caller, ClerkBearer, PresentedKey, Role } from '../domain/identity.js'
import type { BusinessEvents } from '../observability/events.js'
import type { Logger } from '../observability/logger.js'
import type { Metrics } from '../observability/metrics.js'

export interface Rate {
  readonly points: number
  readonly windowSeconds: number
}

/** Whose tokens are accepted beside our own. */
export interface ClerkConfig {
  readonly issuer: string
  readonly jwksUrl: string
  readonly secretKey: string | undefined
  /** For whom tokens are made; empty: for nobody in particular. */
  readonly audience: readonly string[]
  /** Origins whose tokens are accepted; empty: any. */
  readonly authorizedParties: readonly string[]
}

/** The part of the configuration that the HTTP layer reads. */
export interface HttpConfig {
  readonly production: boolean
  readonly environment: string
  readonly shutdownGraceMs: number
  readonly server: {
    readonly port: number
    readonly host: string
    readonly publicUrl: string
    readonly trustProxy: boolean
    readonly corsOrigins: readonly string[]
    readonly bodyLimitBytes: number
    readonly requestTimeoutMs: number
    readonly rates: { readonly user: Rate; readonly tenant: Rate; readonly anonymous: Rate }
    readonly temporalUiUrl: string | undefined
  }
  readonly temporal: { readonly namespace: string }
  readonly identity: {
    readonly jwtSecret: string
    readonly jwtExpSeconds: number
    readonly refreshExpSeconds: number
    readonly loginRate: Rate
    /** Absent: no token of Clerk is accepted. */
    readonly clerk: ClerkConfig | undefined
  }
  readonly tavus: { readonly baseUrl: string }
  readonly observability: { readonly apiServiceName: string }
}

/** A user as login and refresh see it. */
export interface Account {
  id: string
  email: string
  displayName: string
  companyId: string
  role: Role
  disabledAt: Date | null
}

export type Rotation =
  | { state: 'rotated'; token: string; userId: string; tenantId: string }
  | { state: 'reused'; userId: string; tenantId: string }
  | { state: 'expired' | 'revoked' | 'unknown' }

/** Uses a ticket up, and says whom it stands for. */
export interface TicketRedemption {
  redeem(ticket: string): Promise<Caller | undefined>
}

export interface WorkerHeartbeat {
  identity: string
  task_queue: string
  last_poll: string
}

/** What became of one request that a limit counted. */
export interface LimitState {
  refused: boolean
  remaining: number
  /** Until the window is over, in milliseconds. */
  resetMs: number
}

/** A limit as the headers tell of it. */
export interface CountedLimit extends LimitState {
  name: string
  rate: Rate
}

/** Where limits count; `space` keeps counters apart that have the same keys. */
export interface LimitStore {
  limiter(limit: Rate & { space: string }): { take(key: string): Promise<LimitState> }
}

/** What the HTTP layer's own routes and middleware need; the product's routes take more. */
export interface AppServices {
  config: HttpConfig
  log: Logger
  metrics: Metrics
  events: BusinessEvents
  version: string
  users: {
    findForLogin(email: string): Promise<(Account & { passwordHash: string | null }) | undefined>
    findById(id: string): Promise<Account | undefined>
  }
  limits: LimitStore
  refreshTokens: {
    issue(input: { userId: string; tenantId: string; expiresAt: Date; event?: NewEvent }): Promise<{ token: string }>
    rotate(token: string, options: { traceId: string }): Promise<Rotation>
    revokeByToken(token: string, traceId: string): Promise<unknown>
  }
  /** What stands behind a token. */
  identities: {
    standingOf(who: { userId: string; tenantId?: string | undefined }): Promise<BearerStanding>
    ofClerk(who: { clerkUserId: string; organizationId: string | undefined }): Promise<ClerkBearer>
  }
  apiKeys: { present(secret: string): Promise<PresentedKey | undefined> }
  audit: { record(event: NewEvent): Promise<void> }
  /** Each rejects when its part is away. */
  probes: {
    database(): Promise<unknown>
    temporal(): Promise<unknown>
    workers(): Promise<unknown>
    /** Only with a Redis. */
    redis?: (() => Promise<unknown>) | undefined
  }
  workerHeartbeats(): Promise<WorkerHeartbeat[]>
  /** Absent where no WebSocket is taken. */
  realtime?: { tickets: TicketRedemption } | undefined
}
