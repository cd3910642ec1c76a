/** One field of a request that is wrong; `pointer` is a JSON pointer into the body, or names a header or parameter. */
export interface FieldError {
  pointer: string
  detail: string
}

interface Details {
  retryAfterSeconds?: number | undefined
  errors?: FieldError[] | undefined
  cause?: unknown
}

/** Base of every failure that Parley answers on purpose; anything else leaves as a bare 500. */
export class ParleyError extends Error {
  override name = 'ParleyError'
  readonly retryAfterSeconds: number | undefined
  readonly errors: FieldError[] | undefined
  constructor(
    /** Stable, machine-readable; the problem's `type` ends in it. */
    readonly code: string,
    readonly status: number,
    readonly title: string,
    detail: string,
    details: Details = {},
  ) {
    super(detail, { cause: details.cause })
    this.retryAfterSeconds = details.retryAfterSeconds
    this.errors = details.errors
  }
}

export class InvalidRequestError extends ParleyError {
  override name = 'InvalidRequestError'
  constructor(detail: string, errors?: FieldError[], status: 400 | 422 = 422) {
    super(
      status === 400 ? 'malformed_request' : 'invalid_request',
      status,
      status === 400 ? 'Bad Request' : 'Unprocessable Content',
      detail,
      { errors },
    )
  }
}

export class UnauthorizedError extends ParleyError {
  override name = 'UnauthorizedError'
  constructor(detail: string, code = 'unauthorized') {
    super(code, 401, 'Unauthorized', detail)
  }
}

export class ForbiddenError extends ParleyError {
  override name = 'ForbiddenError'
  constructor(detail: string, code = 'forbidden') {
    super(code, 403, 'Forbidden', detail)
  }
}

export class NotFoundError extends ParleyError {
  override name = 'NotFoundError'
  constructor(detail: string) {
    super('not_found', 404, 'Not Found', detail)
  }
}

/** A key names one request; another one under it would be answered as the first. */
export const idempotencyKeyReused = () =>
  new InvalidRequestError('the Idempotency-Key was used with another request', [
    { pointer: 'header/idempotency-key', detail: 'was used with another request body' },
  ])

/** What is behind the address is switched off in this installation. */
export class FeatureDisabledError extends ParleyError {
  override name = 'FeatureDisabledError'
  constructor(
    /** The variable that turns it on. */
    variable: string,
  ) {
    super('feature_disabled', 404, 'Not Found', `${variable} is off`)
  }
}

/** Something is as it may not be changed into: taken, or the last of its kind. */
export class ConflictError extends ParleyError {
  override name = 'ConflictError'
  constructor(detail: string, code: string) {
    super(code, 409, 'Conflict', detail)
  }
}

/** A change that says nothing of what it was made upon would overwrite what others wrote (RFC 6585). */
export class PreconditionRequiredError extends ParleyError {
  override name = 'PreconditionRequiredError'
  constructor() {
    super(
      'precondition_required',
      428,
      'Precondition Required',
      'a change needs If-Match with the ETag that it was made upon, or *',
    )
  }
}

/** Somebody else was first. */
export class PreconditionFailedError extends ParleyError {
  override name = 'PreconditionFailedError'
  constructor() {
    super('precondition_failed', 412, 'Precondition Failed', 'it has changed since; read it again')
  }
}

/** One answer for an id that nobody knows and for somebody else's: the difference would tell strangers what exists. */
export const unknownSession = () => new NotFoundError('no such session')

export class TooManyRequestsError extends ParleyError {
  override name = 'TooManyRequestsError'
  constructor(detail: string, retryAfterSeconds: number, code = 'rate_limited') {
    super(code, 429, 'Too Many Requests', detail, { retryAfterSeconds })
  }
}

export class UnavailableError extends ParleyError {
  override name = 'UnavailableError'
  constructor(detail: string, code = 'unavailable', retryAfterSeconds = 5) {
    super(code, 503, 'Service Unavailable', detail, { retryAfterSeconds })
  }
}

/** Two conversations claim one session, or two sessions one conversation: no retry makes both true. */
export class ConflictingSessionError extends ParleyError {
  override name = 'ConflictingSessionError'
  constructor(detail: string, cause?: unknown) {
    super('session_conflict', 409, 'Conflict', detail, { cause })
  }
}

/** A provider's id of a call is another call's already; whose is not told. */
export class ConflictingCallError extends ParleyError {
  override name = 'ConflictingCallError'
  constructor(detail: string) {
    super('call_conflict', 409, 'Conflict', detail)
  }
}

/** What a provider answered, or that it did not, in the words of Parley. */
export class ProviderError extends ParleyError {
  override name = 'ProviderError'
  constructor(
    code: ProviderErrorCode,
    detail: string,
    readonly provider: string,
    /** Status of the provider's answer; absent when there was none. */
    readonly providerStatus: number | undefined,
    details: Details = {},
  ) {
    super(code, providerProblems[code].status, providerProblems[code].title, detail, details)
  }
  /** Worth another try: no answer, an overload, or a fault of the provider. */
  get retryable(): boolean {
    return providerProblems[this.code as ProviderErrorCode].retryable
  }
  /** The request may have had its effect although no good answer came. */
  get unknownResult(): boolean {
    return this.code === 'provider_timeout' || this.code === 'provider_unreachable' || this.code === 'provider_failed'
  }
}

/** How each kind of provider failure is answered. 401 and 403 are ours to mend, so the caller sees a 502. */
export const providerProblems = {
  provider_rejected: { status: 400, title: 'Rejected by the provider', retryable: false },
  provider_at_capacity: { status: 429, title: 'Provider at capacity', retryable: false },
  provider_credentials: { status: 502, title: 'Provider refused our credentials', retryable: false },
  provider_out_of_credits: { status: 402, title: 'Out of provider credits', retryable: false },
  provider_not_found: { status: 404, title: 'Unknown to the provider', retryable: false },
  provider_rate_limited: { status: 429, title: 'Provider rate limit', retryable: true },
  provider_failed: { status: 502, title: 'Provider failed', retryable: true },
  provider_unreachable: { status: 503, title: 'Provider unreachable', retryable: true },
  provider_timeout: { status: 503, title: 'Provider did not answer in time', retryable: true },
  provider_not_configured: { status: 503, title: 'Provider not configured', retryable: false },
} as const

export type ProviderErrorCode = keyof typeof providerProblems
