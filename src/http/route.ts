import type { Readable } from 'node:stream'
import type { z } from 'zod'
import type { Actor, Caller, Role, Scope } from '../domain/identity.js'
import type { KeyedRequest } from '../domain/resource.js'
import type { Logger } from '../observability/logger.js'
import type { Rate } from './app-services.js'
import type { AppContext } from './context.js'

export type RouteMethod = 'get' | 'post' | 'put' | 'patch' | 'delete'
/** `optional`: a token that is expired or invalid counts as none. */
export type RouteAuth = 'none' | 'optional' | 'required'
/** What an API key needs; `any`: no scope at all, false: no key may call. */
export type KeyScope = Scope | 'any' | false

export interface RequestSchemas<P = z.ZodType, Q = z.ZodType, H = z.ZodType, B = z.ZodType> {
  params?: P
  query?: Q
  /** Names in lower case. */
  headers?: H
  /** JSON; a strictObject, so that unknown fields are refused by name. No body counts as {}. */
  body?: B
  /** The bytes as they came, for whoever verifies a signature; not with `body`. */
  raw?: {
    limitBytes: number
    /** The handler reads them from the request itself: too many to be held. */
    streamed?: boolean
    /** What the document says of them; the handler is who reads it. */
    documented?: RawDocumentation
  }
}

/** Requests of one user, of one company and of one address to a route; what is absent stays with the general limit. */
export interface RouteLimits {
  user?: Rate
  tenant?: Rate
  anonymous?: Rate
}

/** Of a request whose parts are not validated by a schema: whoever verifies it says what is wrong. */
export interface RawDocumentation {
  contentTypes: readonly string[]
  parameters: readonly { in: 'header' | 'query'; name: string; description: string; required: boolean }[]
}

export interface ResponseDefinition {
  description: string
  schema?: z.ZodType
  /** Names, each with what it says. */
  headers?: Record<string, string>
  /** `application/json` where there is a schema and nothing else is said. */
  contentType?: string
}

type Responses = Record<number, ResponseDefinition>

type AnswerBody<D> = D extends { schema: infer S extends z.ZodType }
  ? { body: z.input<S> }
  : { body?: string | Buffer | Readable }

/** One of the documented answers; failures are thrown as errors of the domain. */
export type Answer<R extends Responses> = {
  [S in keyof R & number]: { status: S; headers?: Record<string, string> } & AnswerBody<R[S]>
}[keyof R & number]

export interface Incoming<A extends RouteAuth = RouteAuth, P = unknown, Q = unknown, H = unknown, B = unknown> {
  params: P
  query: Q
  headers: H
  body: B
  /** Empty unless the route asked for it. */
  raw: Buffer
  caller: A extends 'required' ? Caller : Caller | undefined
  /** The caller within its company. Reading it without one throws the ForbiddenError `tenant_missing`. */
  readonly actor: Actor
  /** Of a request that brought the Idempotency-Key which its route takes. */
  readonly keyed: KeyedRequest | undefined
  requestId: string
  traceId: string
  /** Address of the client, as far as TRUST_PROXY lets it be believed. */
  address: string
  log: Logger
  /** Aborts when the client hangs up before the answer. */
  signal: AbortSignal
  ctx: AppContext
}

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined

interface Definition<A extends RouteAuth, P, Q, H, B, R extends Responses, T> {
  method: RouteMethod
  /** Several are aliases of the first. */
  path: string | readonly [string, ...string[]]
  operationId: string
  summary: string
  description?: string
  tags: readonly string[]
  auth: A
  /** Who of a company may call; a token without a company is refused. Absent: whoever `auth` lets in. */
  roles?: readonly Role[]
  /** Why a route that needs a token asks for no role: one of both stands on each, and both in docs/permissions.md. */
  anyRole?: string
  /** What an API key needs; absent: to read or to write what the first tag names. */
  keyScope?: KeyScope
  /** In place of the general limits, for this route alone; false: no limit counts it. */
  limits?: RouteLimits | false
  /** Throws the answer while there is nothing behind the route; asked before anything of the request is read. */
  available?: () => void
  request?: RequestSchemas<P, Q, H, B>
  responses: R
  handler: (incoming: Incoming<A, Parsed<P>, Parsed<Q>, Parsed<H>, Parsed<B>>) => Promise<T> | T
}

/** A route as the application mounts and documents it. */
export interface Route {
  method: RouteMethod
  paths: readonly [string, ...string[]]
  operationId: string
  summary: string
  description: string | undefined
  tags: readonly string[]
  auth: RouteAuth
  roles: readonly Role[] | undefined
  anyRole: string | undefined
  keyScope: KeyScope
  limits: RouteLimits | false
  available: () => void
  request: RequestSchemas
  responses: Responses
  handle: (incoming: Incoming) => Promise<{ status: number; body?: unknown; headers?: Record<string, string> }>
}

/** One definition gives validation, the types of the handler, and the OpenAPI document. */
export function route<
  A extends RouteAuth,
  const R extends Responses,
  const T extends Answer<R>,
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  H extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(definition: Definition<A, P, Q, H, B, R, T>): Route {
  const { path, description, roles, anyRole, limits = {}, request = {}, handler, ...rest } = definition
  const { available = () => undefined } = definition
  const { keyScope = `${rest.tags[0] ?? 'other'}:${rest.method === 'get' ? 'read' : 'write'}` } = definition
  return {
    ...rest,
    paths: typeof path === 'string' ? [path] : path,
    description,
    roles,
    anyRole,
    keyScope,
    limits,
    available,
    request: request as RequestSchemas,
    // The mounting has validated by these very schemas: the types are what they say.
    handle: async (incoming) => await handler(incoming as Parameters<typeof handler>[0]),
  }
}
