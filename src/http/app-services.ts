import type { Caller, Role } from '../domain/identity.js'
import type { BusinessEvents } from '../observability/events.js'
import type { Logger } from '../observability/logger.js'
import type { Metrics } from '../observability/metrics.js'

export interface Rate {
  readonly points: number
  readonly windowSeconds: number
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
  refreshTokens: {
    issue(input: { userId: string; tenantId: string; expiresAt: Date }): Promise<{ token: string }>
    rotate(token: string): Promise<Rotation>
    revokeByToken(token: string): Promise<unknown>
  }
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
