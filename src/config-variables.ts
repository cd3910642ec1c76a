import { z } from 'zod'

/** One environment variable: how it is read, and what the generated documents say of it. */
export interface Variable<S extends z.ZodType = z.ZodType> {
  group: string
  schema: S
  /** What the documents show as the default; the schema holds the real one. */
  shown: string
  doc: string
  secret?: boolean
}

const variable = <S extends z.ZodType>(
  group: string,
  schema: S,
  shown: string | number | boolean,
  doc: string,
  more: { secret?: boolean } = {},
): Variable<S> => ({ group, schema, shown: String(shown), doc, ...more })

const text = z.string().trim().min(1)
const url = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .transform((value) => value.replace(/\/+$/, ''))
const flag = (fallback: boolean) =>
  z
    .stringbool({ error: 'must be true or false' })
    .optional()
    .transform((value) => value ?? fallback)
const decimal = (fallback: number, min: number, max: number) => {
  const range = `between ${min} and ${max}`
  return z.coerce
    .number(`must be a number ${range}`)
    .refine((value) => value >= min && value <= max, `must be ${range}`)
    .default(fallback)
}
const count = (fallback: number, min: number, max: number) => {
  const range = `between ${min} and ${max}`
  return z.coerce
    .number(`must be a whole number ${range}`)
    .refine((value) => Number.isInteger(value), `must be a whole number ${range}`)
    .refine((value) => !Number.isInteger(value) || (value >= min && value <= max), `must be ${range}`)
    .default(fallback)
}
const oneOf = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, `must be one of ${words.join(', ')}`)
const databaseUrl = text.refine(
  (value) => /^postgres(ql)?:\/\//i.test(value) && URL.canParse(value),
  'must be a postgres:// or postgresql:// URL; special characters of a password are %-encoded in it',
)
const hostAndPort = text.refine((value) => {
  const [, port] = /^(?:[\w.-]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(value) ?? []
  return Number(port) >= 1 && Number(port) <= 65535
}, 'must be host:port, such as 127.0.0.1:7233')
const list = z
  .string()
  .optional()
  .transform((value) =>
    (value ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  )
const redisUrl = text.refine(
  (value) => /^rediss?:\/\/./i.test(value) && URL.canParse(value),
  'must be a redis:// or rediss:// URL, such as redis://127.0.0.1:6379/0',
)
const rate = (fallback: string) =>
  z
    .string()
    .trim()
    .regex(
      /^[1-9]\d{0,8}\/(second|minute|hour)$/,
      'must be requests/second, /minute or /hour, such as 60/minute; at least 1, at most 999999999',
    )
    .default(fallback)
    .transform((value) => {
      const [points, unit] = value.split('/') as [string, 'second' | 'minute' | 'hour']
      return { points: Number(points), windowSeconds: { second: 1, minute: 60, hour: 3600 }[unit] }
    })
const originList = list.refine(
  (origins) => origins.every((origin) => /^[a-z][a-z0-9+.-]*:\/\/(\*|[^/*\s]+)$/i.test(origin)),
  'must be origins such as https://app.example.org, or scheme://*',
)

const exactOrigins = list.refine(
  (origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
  'must be origins such as https://app.example.org',
)

/** `id:base64 of 32 bytes`, comma-separated; a wrong entry is named by its place, never by what it holds. */
const keyring = list.transform((entries, context) =>
  entries.map((entry, index) => {
    const [, id = '', key = ''] = /^([\w.-]{1,32}):([A-Za-z0-9+/]{43}=)$/.exec(entry) ?? []
    const earlier = entries.slice(0, index).some((other) => other.startsWith(`${id}:`))
    if (id === '' || earlier)
      context.addIssue({
        code: 'custom',
        message: `must be id:base64 of 32 bytes, each id once; entry ${index + 1} ${earlier && id !== '' ? 'has the id of an earlier one' : 'is not'}`,
      })
    return { id, key }
  }),
)

/** Every variable that Parley reads, in the order of the documents. Nothing else reads the environment. */
export const variables = {
  NODE_ENV: variable(
    'server',
    oneOf(['development', 'test', 'production']).default('development'),
    'development',
    'production refuses placeholder secrets and unconfigured providers',
  ),
  PORT: variable('server', count(8000, 0, 65535), 8000, 'Port of the API; 0 takes a free one'),
  HOST: variable('server', text.optional(), '127.0.0.1; 0.0.0.0 in production', 'Address that the API listens on'),
  PUBLIC_URL: variable(
    'server',
    url.optional(),
    'http://HOST:PORT',
    'Where providers and browsers reach the API; callback URLs are built from it',
  ),
  TRUST_PROXY: variable(
    'server',
    flag(false),
    false,
    'Take the client address and protocol from X-Forwarded-* (only behind a proxy that sets them)',
  ),
  CORS_ORIGINS: variable(
    'server',
    originList,
    '',
    'Origins that browsers may call from, comma-separated: exact ones, or scheme://*; any other is refused with 403',
  ),
  ALLOWED_ORIGINS: variable('server', originList, '', 'Alias of CORS_ORIGINS; both are joined'),
  PARLEY_DATA_DIR: variable(
    'server',
    text.default('.parley'),
    '.parley',
    'Where embedded PostgreSQL, Temporal and the webhook spool keep their data',
  ),
  PARLEY_INSTALLATION: variable(
    'server',
    text.optional(),
    'derived from JWT_SECRET',
    'Name that marks our conversations at a provider; set it before JWT_SECRET is rotated while conversations are open',
  ),
  PARLEY_SPLIT: variable(
    'server',
    flag(false),
    false,
    'npm start runs the API and the worker as two processes instead of one',
  ),
  BODY_LIMIT_KB: variable('server', count(256, 1, 10240), 256, 'Largest JSON request body in KiB; 413 beyond it'),
  REQUEST_TIMEOUT_SECONDS: variable(
    'server',
    count(90, 1, 600),
    90,
    'A request whose headers and body take longer is closed, and an answer of which nothing is taken for so long',
  ),
  SHUTDOWN_GRACE_SECONDS: variable(
    'server',
    count(20, 1, 300),
    20,
    'How long a stopping process finishes what it began',
  ),

  DATABASE_URL: variable(
    'stores',
    databaseUrl.optional(),
    'embedded',
    'PostgreSQL 15 or later; without it npm start brings one up',
    { secret: true },
  ),
  DB_CONNECTION_STRING: variable('stores', databaseUrl.optional(), '', 'Alias of DATABASE_URL', { secret: true }),
  MIGRATION_DATABASE_URL: variable(
    'stores',
    databaseUrl.optional(),
    'DATABASE_URL',
    'Connection of the role that owns the tables, when the application connects as another',
    { secret: true },
  ),
  DATABASE_POOL_SIZE: variable('stores', count(12, 2, 200), 12, 'Connections a process holds at most'),
  REDIS_URL: variable(
    'stores',
    redisUrl.optional(),
    '',
    'Redis in which limits count for all processes together and which tells them of events; without it, and while it is away, each counts by itself and PostgreSQL tells',
    { secret: true },
  ),
  TEMPORAL_ADDRESS: variable(
    'stores',
    hostAndPort.optional(),
    'embedded',
    'host:port of a Temporal server; without it npm start brings one up',
  ),
  TEMPORAL_NAMESPACE: variable('stores', text.default('default'), 'default', 'Temporal namespace'),
  TEMPORAL_API_KEY: variable('stores', text.optional(), '', 'API key of Temporal Cloud; turns TLS on', {
    secret: true,
  }),
  TEMPORAL_CLI_PATH: variable('stores', text.optional(), '', 'Path of a temporal binary for the embedded server'),
  TEMPORAL_UI_URL: variable('stores', url.optional(), '', 'Address of the Temporal UI, for links; npm start sets it'),
  ENCRYPTION_KEYS: variable(
    'stores',
    keyring,
    '',
    'Keys of stored webhook payloads, id:base64 of 32 bytes, comma-separated: the first encrypts, any decrypts; without one they are stored plain',
    { secret: true },
  ),

  JWT_SECRET: variable(
    'identity',
    z.string().min(32, 'must have at least 32 bytes').optional(),
    'generated in development',
    'Signs access tokens (HS256); at least 32 bytes',
    { secret: true },
  ),
  JWT_EXP_HOURS: variable(
    'identity',
    decimal(12, 0.0001, 8760),
    12,
    'Life of an access token in hours, fractions allowed',
  ),
  REFRESH_EXP_DAYS: variable('identity', decimal(30, 0.0001, 3650), 30, 'Life of a refresh token in days'),
  CLERK_ISSUER: variable(
    'identity',
    url.optional(),
    '',
    'Issuer (iss) of Clerk’s tokens, https://…; with it, or with CLERK_JWKS_URL, they are accepted beside our own',
  ),
  CLERK_JWKS_URL: variable(
    'identity',
    url.optional(),
    'CLERK_ISSUER/.well-known/jwks.json',
    'Where Clerk publishes its keys; without CLERK_ISSUER the issuer is what stands before /.well-known/jwks.json',
  ),
  CLERK_SECRET_KEY: variable(
    'identity',
    text.optional(),
    '',
    'Sent to CLERK_JWKS_URL as a bearer token, for the keys of Clerk’s Backend API; the published ones need none',
    { secret: true },
  ),
  CLERK_AUDIENCE: variable(
    'identity',
    list,
    '',
    'Audiences (aud) of which a Clerk token must name one, comma-separated; without them it must name none',
  ),
  CLERK_AUTHORIZED_PARTIES: variable(
    'identity',
    exactOrigins,
    '',
    'Origins (azp) whose Clerk tokens are accepted, comma-separated; without them those of any origin are',
  ),
  DEMO_PASSWORD: variable(
    'identity',
    z.string().min(8, 'must have at least 8 characters').default('parley-demo'),
    'parley-demo',
    'Password of the development seed users; never used in production',
    { secret: true },
  ),

  TAVUS_API_KEY: variable(
    'Tavus',
    text.optional(),
    '',
    'Key of the Tavus account; without it npm start uses the simulator, and production answers 503',
    { secret: true },
  ),
  TAVUS_BASE_URL: variable(
    'Tavus',
    url.default('https://tavusapi.com'),
    'https://tavusapi.com',
    'Tavus API, without /v2',
  ),
  TAVUS_REPLICA_ID: variable(
    'Tavus',
    text.optional(),
    '',
    'Default replica (face); may be omitted when the persona has one',
  ),
  TAVUS_PERSONA_ID: variable('Tavus', text.optional(), '', 'Default persona (PAL)'),
  TAVUS_CALLBACK_URL: variable(
    'Tavus',
    url.optional(),
    'PUBLIC_URL/tavus/callback',
    'Where Tavus sends callbacks; session and token are added as its query',
  ),
  TAVUS_CALLBACK_SECRET: variable(
    'Tavus',
    list,
    'derived from JWT_SECRET',
    'Keys of the callback token, comma-separated: the first signs, any verifies',
    { secret: true },
  ),
  TAVUS_CALLBACK_ALLOW_UNSIGNED: variable(
    'Tavus',
    flag(false),
    false,
    'Accept callbacks without a token; refused in production',
  ),
  TAVUS_CUSTOM_LLM_ENABLE: variable(
    'Tavus',
    flag(false),
    false,
    'Warm the custom LLM before each conversation and use CUSTOM_LLM_PERSONA_ID',
  ),
  TAVUS_PARTICIPANT_LEFT_TIMEOUT_SECONDS: variable(
    'Tavus',
    count(30, 0, 3600),
    30,
    'Tavus ends a conversation this long after the last person left',
  ),
  TAVUS_PARTICIPANT_ABSENT_TIMEOUT_SECONDS: variable(
    'Tavus',
    count(300, 1, 3600),
    300,
    'Tavus ends a conversation that nobody joined after this time',
  ),
  TAVUS_REQUEST_TIMEOUT_SECONDS: variable('Tavus', decimal(10, 0.05, 120), 10, 'Time limit of one Tavus request'),
  TAVUS_ENABLE_RECORDING: variable('Tavus', flag(false), false, 'Allow recording; needs the three variables below'),
  TAVUS_RECORDING_S3_BUCKET_NAME: variable(
    'Tavus',
    text.regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be an S3 bucket name').optional(),
    '',
    'Bucket that receives recordings',
  ),
  TAVUS_RECORDING_S3_BUCKET_REGION: variable(
    'Tavus',
    text.regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be an AWS region such as eu-west-1').optional(),
    '',
    'Region of that bucket',
  ),
  TAVUS_AWS_ASSUME_ROLE_ARN: variable(
    'Tavus',
    text
      .regex(
        /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/,
        'must be an IAM role ARN, arn:aws:iam::<12 digits>:role/<name>',
      )
      .optional(),
    '',
    'Role that Tavus assumes to write there',
  ),
  AWS_ACCESS_KEY_ID: variable(
    'Tavus',
    text.optional(),
    '',
    'With the secret key: recordings are answered with a presigned URL',
    { secret: true },
  ),
  AWS_SECRET_ACCESS_KEY: variable('Tavus', text.optional(), '', 'See AWS_ACCESS_KEY_ID', { secret: true }),
  AWS_SESSION_TOKEN: variable('Tavus', text.optional(), '', 'Session token of temporary AWS credentials', {
    secret: true,
  }),

  CUSTOM_LLM_BASE_URL: variable(
    'custom LLM',
    url.optional(),
    '',
    'The model behind the persona; prewarm asks its /healthz',
  ),
  CUSTOM_LLM_API_KEY: variable('custom LLM', text.optional(), '', 'Bearer token of the custom LLM', { secret: true }),
  CUSTOM_LLM_PERSONA_ID: variable(
    'custom LLM',
    text.optional(),
    '',
    'Persona used in place of TAVUS_PERSONA_ID while the custom LLM is on',
  ),
  CUSTOM_LLM_PREWARM_TIMEOUT_SECONDS: variable(
    'custom LLM',
    decimal(30, 0.05, 300),
    30,
    'Time limit of a prewarm; a slow model never stops the call',
  ),
  CUSTOM_LLM_WARM_SECONDS: variable(
    'custom LLM',
    decimal(0, 0, 86400),
    0,
    'A model warmed within this time is not warmed again; 0 warms it every time',
  ),

  RATE_LIMIT_USER: variable('limits', rate('60/minute'), '60/minute', 'Requests of one user with a valid token'),
  RATE_LIMIT_TENANT: variable(
    'limits',
    rate('600/minute'),
    '600/minute',
    'Requests of all users of one company together; what the limit of a user refuses does not count',
  ),
  RATE_LIMIT_ANONYMOUS: variable(
    'limits',
    rate('60/minute'),
    '60/minute',
    'Requests of one address without a valid token',
  ),
  LOGIN_RATE_LIMIT: variable('limits', rate('10/minute'), '10/minute', 'Login tries per address and per account'),
  WS_CONNECTIONS_USER: variable(
    'limits',
    count(100, 1, 100000),
    100,
    'WebSockets and event streams that one user or API key may have open in one process; 429 beyond it',
  ),
  WEBHOOK_ACK_MS: variable('limits', count(400, 10, 30000), 400, 'A webhook is answered within this many milliseconds'),
  WEBHOOK_MAX_INFLIGHT: variable(
    'limits',
    count(12, 0, 1000),
    12,
    'Webhooks with a workflow of their own at once; the rest are drained in batches',
  ),
  WEBHOOK_BODY_LIMIT: variable(
    'limits',
    count(1048576, 1024, 33554432),
    1048576,
    'Largest webhook body in bytes; 413 beyond it',
  ),
  WEBHOOK_MATCH_MINUTES: variable(
    'limits',
    decimal(10, 0.001, 1440),
    10,
    'How long an event waits for its session to be known, in minutes; then it is parked as unmatched',
  ),
  IDEMPOTENCY_TTL_DAYS: variable('limits', decimal(90, 1, 3650), 90, 'How long receipts are kept, in days'),

  ANALYTICS_RECAP_HOUR: variable(
    'analytics',
    count(6, 0, 23),
    6,
    'Hour at which the recap of the day before is written, in each company’s time zone',
  ),
  FOLLOW_UP_GAP_MINUTES: variable(
    'limits',
    decimal(10, 0, 10_080),
    10,
    'Two follow-ups by one channel reach one person this far apart at least, in minutes',
  ),
  FOLLOW_UP_CONFIRM_SECONDS: variable(
    'limits',
    decimal(60, 1, 3600),
    60,
    'So long after a try without an answer a provider that does not show it has not taken it, in seconds; it is asked 15 times as long',
  ),
  FOLLOW_UP_RESULT_SECONDS: variable(
    'limits',
    decimal(600, 1, 86_400),
    600,
    'How long a webhook of what came of a follow-up is waited for before its provider is asked, in seconds',
  ),

  SESSION_START_TIMEOUT_SECONDS: variable(
    'sessions',
    decimal(60, 0.5, 600),
    60,
    'Budget of a session start, provider retries included',
  ),
  SESSION_MAX_SECONDS: variable(
    'sessions',
    count(3600, 5, 86400),
    3600,
    'Longest conversation; a request may ask for less',
  ),
  SESSION_MAX_GRACE_SECONDS: variable(
    'sessions',
    decimal(60, 0, 3600),
    60,
    'Parley ends a conversation this long after its maximum, should the provider not have',
  ),
  SESSION_ABANDON_SECONDS: variable(
    'sessions',
    decimal(10, 0.1, 3600),
    10,
    'A caller that hung up before the answer: the conversation is ended after this time',
  ),
  ALLOW_ANONYMOUS_SESSIONS: variable(
    'sessions',
    flag(true),
    true,
    'Without a valid token: true starts an untracked session, false answers 401',
  ),
  ANONYMOUS_MAX_ACTIVE: variable(
    'sessions',
    count(50, 0, 100000),
    50,
    'Anonymous conversations open at once; 429 beyond it',
  ),
  SESSION_RECONCILE_SECONDS: variable(
    'sessions',
    decimal(60, 0.2, 3600),
    60,
    'How often open sessions are compared with the provider',
  ),
  SESSION_ARTIFACT_WAIT_SECONDS: variable(
    'sessions',
    decimal(1800, 0.1, 86400),
    1800,
    'How long an ended session waits for transcript and recording',
  ),
  USER_CONTEXT_CACHE_SECONDS: variable(
    'sessions',
    decimal(300, 0, 86400),
    300,
    'How long what a mentor is told of a user, and a company’s avatars, are kept in memory, unless they change; 0 keeps nothing',
  ),
  SESSION_TRACK_WAIT_MS: variable(
    'sessions',
    count(1000, 10, 30000),
    1000,
    'How long the caller of a start waits for the row; then db_tracking is "pending"',
  ),

  ELEVENLABS_API_KEY: variable('other providers', text.optional(), '', 'Key of ElevenLabs’ API', { secret: true }),
  ELEVENLABS_AGENT_ID: variable('other providers', text.optional(), '', 'Agent that conversations are held with'),
  ELEVENLABS_ENABLE_RECORDING: variable(
    'other providers',
    flag(false),
    false,
    'Fetch recordings of sessions with agents, also when their webhook does not come',
  ),
  ELEVENLABS_JOIN_SECONDS: variable(
    'other providers',
    decimal(900, 0.2, 900),
    900,
    'How long a signed URL can begin a conversation: 900 there; tests shorten it',
  ),
  ELEVENLABS_BASE_URL: variable(
    'other providers',
    url.default('https://api.elevenlabs.io'),
    'https://api.elevenlabs.io',
    'ElevenLabs’ API; the simulator in development',
  ),
  ELEVENLABS_WEBHOOK_SECRET: variable(
    'other providers',
    list,
    '',
    'Secrets of ElevenLabs’ webhooks, comma-separated; any verifies, so that they can be rotated',
    { secret: true },
  ),
  LIVEKIT_URL: variable(
    'other providers',
    url.optional(),
    '',
    'LiveKit server, https://… (its API, not wss); rooms that stay open are compared with it',
  ),
  LIVEKIT_API_KEY: variable(
    'other providers',
    text.optional(),
    '',
    'API key of LiveKit; its webhooks are issued by it',
  ),
  LIVEKIT_WEBHOOK_SECRET: variable(
    'other providers',
    list,
    '',
    'API secrets of LiveKit that sign webhooks, comma-separated; the first is also used for its API',
    { secret: true },
  ),
  TWILIO_ACCOUNT_SID: variable('other providers', text.optional(), '', 'Account of Twilio, AC…'),
  TWILIO_AUTH_TOKEN: variable(
    'other providers',
    list,
    '',
    'Auth tokens of Twilio, comma-separated: any verifies a webhook, the first is used for its API',
    { secret: true },
  ),
  TWILIO_FROM_NUMBER: variable('other providers', text.optional(), '', 'Number that Parley’s own messages come from'),
  TWILIO_BASE_URL: variable(
    'other providers',
    url.default('https://api.twilio.com'),
    'https://api.twilio.com',
    'Twilio’s API; the simulator in development',
  ),
  CALLRAIL_API_KEY: variable('other providers', text.optional(), '', 'Key of CallRail’s API', { secret: true }),
  CALLRAIL_ACCOUNT_ID: variable('other providers', text.optional(), '', 'Company of CallRail, COM…, in development'),
  CALLRAIL_WEBHOOK_SECRET: variable(
    'other providers',
    list,
    '',
    'Signing keys of CallRail’s webhooks, comma-separated, one per company; any verifies',
    { secret: true },
  ),
  CLERK_WEBHOOK_SECRET: variable(
    'other providers',
    list,
    '',
    'Secrets of Clerk’s webhooks, whsec_…, comma-separated; any verifies',
    { secret: true },
  ),
  BLAND_API_KEY: variable('other providers', text.optional(), '', 'Key of Bland’s API', { secret: true }),
  BLAND_BASE_URL: variable(
    'other providers',
    url.default('https://api.bland.ai'),
    'https://api.bland.ai',
    'Bland’s API; the simulator in development',
  ),
  BLAND_WEBHOOK_SECRET: variable(
    'other providers',
    list,
    '',
    'Secrets of Bland’s webhooks, comma-separated; any verifies',
    { secret: true },
  ),
  UWC_HMAC_SECRET: variable(
    'other providers',
    list,
    '',
    'Secrets of the ML partner, whsec_… or text, comma-separated: any verifies a webhook, the first signs our requests',
    { secret: true },
  ),
  UWC_BASE_URL: variable(
    'other providers',
    url.optional(),
    '',
    'The ML partner’s API; paths add /uwc/UWC_VERSION; the simulator in development',
  ),
  UWC_API_KEY: variable('other providers', text.optional(), '', 'Key of the ML partner’s API', { secret: true }),
  UWC_VERSION: variable(
    'other providers',
    text.regex(/^v\d{1,3}$/, 'must be a version such as v1').default('v1'),
    'v1',
    'Version of the ML partner’s API',
  ),
  USE_UWC_STAGING: variable(
    'other providers',
    flag(false),
    false,
    'Marks every request to the ML partner as one of its staging environment',
  ),
  ENABLE_UWC_ASR: variable(
    'other providers',
    flag(false),
    false,
    'Transcribe and analyse recordings of calls at the ML partner, each by itself; off: 404 feature_disabled',
  ),
  ENABLE_UWC_RAG: variable(
    'other providers',
    flag(false),
    false,
    'Index documents at the ML partner, and ask it; off: 404 feature_disabled',
  ),
  ENABLE_UWC_TRAINING: variable(
    'other providers',
    flag(false),
    false,
    'Training for reps at the ML partner; off: 404 feature_disabled',
  ),
  ENABLE_UWC_FOLLOWUPS: variable(
    'other providers',
    flag(false),
    false,
    'Drafts of follow-ups by the ML partner; off: 404 feature_disabled',
  ),
  UWC_REQUEST_TIMEOUT_SECONDS: variable(
    'other providers',
    decimal(10, 0.05, 120),
    10,
    'Time limit of one request to the ML partner that begins or reads a job',
  ),
  UWC_ASK_TIMEOUT_SECONDS: variable(
    'other providers',
    decimal(30, 0.05, 120),
    30,
    'How long a question to the ML partner may take, retries included',
  ),
  UWC_POLL_SECONDS: variable(
    'other providers',
    decimal(60, 0.05, 3600),
    60,
    'A job whose webhook does not come is asked for after this time, then less and less often',
  ),
  UWC_JOB_TIMEOUT_SECONDS: variable(
    'other providers',
    decimal(86400, 0.1, 2592000),
    86400,
    'A job that the ML partner has not finished by then is timed_out',
  ),
  DEV_ACCEPT_UNSIGNED: variable(
    'other providers',
    flag(false),
    false,
    'Accept webhooks of a provider whose secret is not configured, unverified; refused in production',
  ),

  LOG_LEVEL: variable(
    'observability',
    z
      .string()
      .trim()
      .toLowerCase()
      .pipe(oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']))
      .default('info'),
    'info',
    'Any case',
  ),
  OBS_REDACT_PII: variable('observability', flag(true), true, 'Mask phones, emails, tokens and names in logs'),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(
    'observability',
    url.optional(),
    '',
    'Collector that takes traces (http://collector:4318); without it nothing is traced',
  ),
  OTEL_EXPORTER_OTLP_PROTOCOL: variable(
    'observability',
    oneOf(['http/protobuf', 'http/json']).default('http/protobuf'),
    'http/protobuf',
    'http/protobuf or http/json',
  ),
  OTEL_TRACES_EXPORTER: variable(
    'observability',
    oneOf(['otlp', 'console', 'none']).default('otlp'),
    'otlp',
    'otlp, console (each span is a log line) or none',
  ),
  OTEL_SERVICE_NAME_API: variable(
    'observability',
    text.default('parley-api'),
    'parley-api',
    'Name of the API in logs and traces',
  ),
  OTEL_SERVICE_NAME_WORKER: variable(
    'observability',
    text.default('parley-worker'),
    'parley-worker',
    'Name of the worker in logs and traces',
  ),
  DEV_EMIT_KEY: variable(
    'observability',
    z.string().min(16, 'must have at least 16 characters').optional(),
    '',
    'Turns on /ws/test-emit for whoever sends it as X-Dev-Key; refused in production',
    { secret: true },
  ),
  PARLEY_WORKER_METRICS_PORT: variable(
    'observability',
    count(0, 0, 65535),
    '0 (off)',
    'Port of /metrics and /health of a worker that runs apart',
  ),
  MAX_CACHED_WORKFLOWS: variable(
    'observability',
    count(300, 10, 100000),
    300,
    'Workflows a worker keeps in memory: more cost memory, fewer cost replays',
  ),
} satisfies Record<string, Variable>

export type VariableName = keyof typeof variables
