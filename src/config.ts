import { createHmac } from 'node:crypto'
import { resolve } from 'node:path'
import type { z } from 'zod'
import { type Variable, type VariableName, variables } from './config-variables.js'

export { type VariableName, variables }

type Values = { [K in VariableName]: z.output<(typeof variables)[K]['schema']> }

/** Every wrong variable at once, one line each. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  constructor(readonly problems: { variable: string; message: string }[]) {
    super(`configuration:\n${problems.map((problem) => `  ${problem.variable}: ${problem.message}`).join('\n')}`)
  }
}

const placeholders =
  /^(change-?me|changeit|secret|password|placeholder|example|your[-_ ].*|xxx+|todo|test|<.*>)|change[-_ ]?(me|this|it)|placeholder/i

function parseValues(env: Record<string, string | undefined>): Values {
  const problems: { variable: string; message: string }[] = []
  const values: Record<string, unknown> = {}
  for (const [name, definition] of Object.entries(variables)) {
    // An empty variable counts as absent: z.coerce.number() would make it 0.
    const raw = env[name]?.trim() === '' ? undefined : env[name]
    const parsed = definition.schema.safeParse(raw)
    if (parsed.success) values[name] = parsed.data
    else problems.push({ variable: name, message: parsed.error.issues.map((issue) => issue.message).join('; ') })
  }
  const known = values as Values
  if (problems.length === 0 || known.NODE_ENV) problems.push(...crossChecks(known, env))
  if (problems.length > 0) throw new ConfigError(problems)
  return known
}

function crossChecks(values: Values, env: Record<string, string | undefined>): { variable: string; message: string }[] {
  const problems: { variable: string; message: string }[] = []
  const need = (variable: VariableName, message: string) => problems.push({ variable, message })
  if (values.TAVUS_ENABLE_RECORDING) {
    for (const name of [
      'TAVUS_RECORDING_S3_BUCKET_NAME',
      'TAVUS_RECORDING_S3_BUCKET_REGION',
      'TAVUS_AWS_ASSUME_ROLE_ARN',
    ] as const)
      if (!env[name]?.trim()) need(name, 'is required when TAVUS_ENABLE_RECORDING is true')
  }
  if (values.TAVUS_CUSTOM_LLM_ENABLE && !env.CUSTOM_LLM_BASE_URL?.trim())
    need('CUSTOM_LLM_BASE_URL', 'is required when TAVUS_CUSTOM_LLM_ENABLE is true')
  if (values.CLERK_JWKS_URL && !values.CLERK_ISSUER && !values.CLERK_JWKS_URL.endsWith(publishedKeys))
    need('CLERK_ISSUER', `is required when CLERK_JWKS_URL does not end in ${publishedKeys}`)
  if (values.NODE_ENV !== 'production') return problems
  for (const name of ['CLERK_ISSUER', 'CLERK_JWKS_URL', 'UWC_BASE_URL'] as const)
    if (values[name]?.startsWith('http:')) need(name, 'must begin with https:// in production')
  if (values.JWT_SECRET && new Set(values.JWT_SECRET).size < 8) need('JWT_SECRET', 'still has a placeholder value')
  if (!env.JWT_SECRET?.trim()) need('JWT_SECRET', 'is required in production')
  if (!env.DATABASE_URL?.trim() && !env.DB_CONNECTION_STRING?.trim()) need('DATABASE_URL', 'is required in production')
  if (!env.TEMPORAL_ADDRESS?.trim()) need('TEMPORAL_ADDRESS', 'is required in production')
  if (!env.PUBLIC_URL?.trim()) need('PUBLIC_URL', 'is required in production')
  if (values.DEV_ACCEPT_UNSIGNED) need('DEV_ACCEPT_UNSIGNED', 'must not be true in production')
  if (values.DEV_EMIT_KEY) need('DEV_EMIT_KEY', 'must not be set in production')
  if (values.TAVUS_CALLBACK_ALLOW_UNSIGNED) need('TAVUS_CALLBACK_ALLOW_UNSIGNED', 'must not be true in production')
  for (const [name, definition] of Object.entries(variables) as [VariableName, Variable][])
    if (definition.secret && name !== 'DEMO_PASSWORD' && placeholders.test(env[name]?.trim() ?? ''))
      need(name, 'still has a placeholder value')
  return problems
}

const publishedKeys = '/.well-known/jwks.json'

/** Whose tokens are accepted beside our own; undefined when neither variable is set. */
function clerkOf(values: Values) {
  const { CLERK_ISSUER, CLERK_JWKS_URL } = values
  const issuer = CLERK_ISSUER ?? CLERK_JWKS_URL?.replace(publishedKeys, '')
  if (issuer === undefined) return undefined
  return {
    issuer,
    jwksUrl: CLERK_JWKS_URL ?? `${issuer}${publishedKeys}`,
    secretKey: values.CLERK_SECRET_KEY,
    audience: values.CLERK_AUDIENCE,
    authorizedParties: values.CLERK_AUTHORIZED_PARTIES,
  }
}

/** A key for one purpose from the installation's secret, so that one secret need not sign two kinds of thing. */
const derive = (secret: string, purpose: string) =>
  createHmac('sha256', secret).update(`parley:${purpose}`).digest('hex')

function shape(values: Values, root: string) {
  const production = values.NODE_ENV === 'production'
  const host = values.HOST ?? (production ? '0.0.0.0' : '127.0.0.1')
  const publicUrl = values.PUBLIC_URL ?? `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${values.PORT}`
  // Development without a secret is given a random one by npm start; a bare process without one makes its own.
  const jwtSecret = values.JWT_SECRET ?? derive(`${process.pid}:${Date.now()}:${Math.random()}`, 'jwt')
  const databaseUrl = values.DATABASE_URL ?? values.DB_CONNECTION_STRING
  return {
    production,
    environment: values.NODE_ENV,
    dataDir: resolve(root, values.PARLEY_DATA_DIR),
    split: values.PARLEY_SPLIT,
    /** Marks our conversations at a provider, so that two installations on one account leave each other's alone. */
    installation: derive(values.PARLEY_INSTALLATION ?? jwtSecret, 'installation').slice(0, 8),
    shutdownGraceMs: values.SHUTDOWN_GRACE_SECONDS * 1000,
    server: {
      port: values.PORT,
      host,
      publicUrl,
      trustProxy: values.TRUST_PROXY,
      corsOrigins: [...new Set([...values.CORS_ORIGINS, ...values.ALLOWED_ORIGINS])],
      bodyLimitBytes: values.BODY_LIMIT_KB * 1024,
      requestTimeoutMs: values.REQUEST_TIMEOUT_SECONDS * 1000,
      rates: {
        user: values.RATE_LIMIT_USER,
        tenant: values.RATE_LIMIT_TENANT,
        anonymous: values.RATE_LIMIT_ANONYMOUS,
      },
      temporalUiUrl: values.TEMPORAL_UI_URL,
    },
    database: {
      url: databaseUrl,
      migrationUrl: values.MIGRATION_DATABASE_URL ?? databaseUrl,
      poolSize: values.DATABASE_POOL_SIZE,
    },
    redis: { url: values.REDIS_URL },
    realtime: { maxPerUser: values.WS_CONNECTIONS_USER },
    temporal: {
      address: values.TEMPORAL_ADDRESS,
      namespace: values.TEMPORAL_NAMESPACE,
      apiKey: values.TEMPORAL_API_KEY,
      /** Apart, so that one kind of work cannot starve another. */
      taskQueues: { sessions: 'parley-sessions', webhooks: 'parley-webhooks', providers: 'parley-providers' },
      cliPath: values.TEMPORAL_CLI_PATH,
      maxCachedWorkflows: values.MAX_CACHED_WORKFLOWS,
    },
    identity: {
      jwtSecret,
      jwtExpSeconds: Math.max(1, Math.round(values.JWT_EXP_HOURS * 3600)),
      refreshExpSeconds: Math.max(1, Math.round(values.REFRESH_EXP_DAYS * 86400)),
      demoPassword: values.DEMO_PASSWORD,
      loginRate: values.LOGIN_RATE_LIMIT,
      clerk: clerkOf(values),
    },
    tavus: {
      apiKey: values.TAVUS_API_KEY,
      baseUrl: values.TAVUS_BASE_URL,
      replicaId: values.TAVUS_REPLICA_ID,
      personaId: values.TAVUS_CUSTOM_LLM_ENABLE
        ? (values.CUSTOM_LLM_PERSONA_ID ?? values.TAVUS_PERSONA_ID)
        : values.TAVUS_PERSONA_ID,
      callbackUrl: values.TAVUS_CALLBACK_URL ?? `${publicUrl}/tavus/callback`,
      callbackSecrets:
        values.TAVUS_CALLBACK_SECRET.length > 0 ? values.TAVUS_CALLBACK_SECRET : [derive(jwtSecret, 'tavus-callback')],
      allowUnsigned: values.TAVUS_CALLBACK_ALLOW_UNSIGNED,
      participantLeftTimeoutSeconds: values.TAVUS_PARTICIPANT_LEFT_TIMEOUT_SECONDS,
      participantAbsentTimeoutSeconds: values.TAVUS_PARTICIPANT_ABSENT_TIMEOUT_SECONDS,
      requestTimeoutMs: values.TAVUS_REQUEST_TIMEOUT_SECONDS * 1000,
      recording: values.TAVUS_ENABLE_RECORDING
        ? {
            bucket: values.TAVUS_RECORDING_S3_BUCKET_NAME ?? '',
            region: values.TAVUS_RECORDING_S3_BUCKET_REGION ?? '',
            roleArn: values.TAVUS_AWS_ASSUME_ROLE_ARN ?? '',
          }
        : undefined,
    },
    aws:
      values.AWS_ACCESS_KEY_ID && values.AWS_SECRET_ACCESS_KEY
        ? {
            accessKeyId: values.AWS_ACCESS_KEY_ID,
            secretAccessKey: values.AWS_SECRET_ACCESS_KEY,
            ...(values.AWS_SESSION_TOKEN ? { sessionToken: values.AWS_SESSION_TOKEN } : {}),
          }
        : undefined,
    customLlm: {
      enabled: values.TAVUS_CUSTOM_LLM_ENABLE && values.CUSTOM_LLM_BASE_URL !== undefined,
      baseUrl: values.CUSTOM_LLM_BASE_URL,
      apiKey: values.CUSTOM_LLM_API_KEY,
      prewarmTimeoutMs: values.CUSTOM_LLM_PREWARM_TIMEOUT_SECONDS * 1000,
      warmMs: values.CUSTOM_LLM_WARM_SECONDS * 1000,
    },
    elevenlabs: {
      apiKey: values.ELEVENLABS_API_KEY,
      agentId: values.ELEVENLABS_AGENT_ID,
      baseUrl: values.ELEVENLABS_BASE_URL,
      recording: values.ELEVENLABS_ENABLE_RECORDING,
      joinMs: values.ELEVENLABS_JOIN_SECONDS * 1000,
      webhookSecrets: values.ELEVENLABS_WEBHOOK_SECRET,
    },
    livekit: {
      url: values.LIVEKIT_URL,
      apiKey: values.LIVEKIT_API_KEY,
      webhookSecrets: values.LIVEKIT_WEBHOOK_SECRET,
    },
    twilio: {
      accountSid: values.TWILIO_ACCOUNT_SID,
      authTokens: values.TWILIO_AUTH_TOKEN,
      fromNumber: values.TWILIO_FROM_NUMBER,
      baseUrl: values.TWILIO_BASE_URL,
    },
    callrail: {
      apiKey: values.CALLRAIL_API_KEY,
      accountId: values.CALLRAIL_ACCOUNT_ID,
      webhookSecrets: values.CALLRAIL_WEBHOOK_SECRET,
    },
    clerk: { webhookSecrets: values.CLERK_WEBHOOK_SECRET },
    bland: {
      apiKey: values.BLAND_API_KEY,
      baseUrl: values.BLAND_BASE_URL,
      webhookSecrets: values.BLAND_WEBHOOK_SECRET,
    },
    uwc: {
      webhookSecrets: values.UWC_HMAC_SECRET,
      baseUrl: values.UWC_BASE_URL,
      apiKey: values.UWC_API_KEY,
      version: values.UWC_VERSION,
      staging: values.USE_UWC_STAGING,
      /** What may be sent at all. */
      features: {
        asr: values.ENABLE_UWC_ASR,
        rag: values.ENABLE_UWC_RAG,
        training: values.ENABLE_UWC_TRAINING,
        followups: values.ENABLE_UWC_FOLLOWUPS,
      },
      requestTimeoutMs: values.UWC_REQUEST_TIMEOUT_SECONDS * 1000,
      askTimeoutMs: values.UWC_ASK_TIMEOUT_SECONDS * 1000,
      pollMs: values.UWC_POLL_SECONDS * 1000,
      jobTimeoutMs: values.UWC_JOB_TIMEOUT_SECONDS * 1000,
    },
    followUps: {
      gapMs: values.FOLLOW_UP_GAP_MINUTES * 60_000,
      confirmMs: values.FOLLOW_UP_CONFIRM_SECONDS * 1000,
      /** A provider that cannot be asked is asked for so long. */
      giveUpMs: 15 * values.FOLLOW_UP_CONFIRM_SECONDS * 1000,
      /** Of one request to a provider; well within what is waited for its word. */
      requestMs: Math.min(15_000, values.FOLLOW_UP_CONFIRM_SECONDS * 500),
      limits: {
        draftPauseMs: 2_000,
        draftMs: 3_600_000,
        resultMs: values.FOLLOW_UP_RESULT_SECONDS * 1000,
        /** Twice as long each time: after the ninth some three days have passed. */
        resultAsks: 9,
      },
    },
    webhooks: {
      acceptUnsigned: values.DEV_ACCEPT_UNSIGNED,
      ackMs: values.WEBHOOK_ACK_MS,
      maxInflight: values.WEBHOOK_MAX_INFLIGHT,
      bodyLimitBytes: values.WEBHOOK_BODY_LIMIT,
      matchMs: values.WEBHOOK_MATCH_MINUTES * 60_000,
      receiptTtlDays: values.IDEMPOTENCY_TTL_DAYS,
      /** The first encrypts, any decrypts. */
      encryptionKeys: values.ENCRYPTION_KEYS,
    },
    analytics: { recapHour: values.ANALYTICS_RECAP_HOUR },
    sessions: {
      startTimeoutMs: values.SESSION_START_TIMEOUT_SECONDS * 1000,
      maxSeconds: values.SESSION_MAX_SECONDS,
      maxGraceMs: values.SESSION_MAX_GRACE_SECONDS * 1000,
      abandonMs: values.SESSION_ABANDON_SECONDS * 1000,
      reconcileMs: values.SESSION_RECONCILE_SECONDS * 1000,
      artifactWaitMs: values.SESSION_ARTIFACT_WAIT_SECONDS * 1000,
      userContextCacheMs: values.USER_CONTEXT_CACHE_SECONDS * 1000,
      trackWaitMs: values.SESSION_TRACK_WAIT_MS,
      allowAnonymous: values.ALLOW_ANONYMOUS_SESSIONS,
      anonymousMaxActive: values.ANONYMOUS_MAX_ACTIVE,
    },
    observability: {
      logLevel: values.LOG_LEVEL,
      redactPii: values.OBS_REDACT_PII,
      apiServiceName: values.OTEL_SERVICE_NAME_API,
      workerServiceName: values.OTEL_SERVICE_NAME_WORKER,
      workerMetricsPort: values.PARLEY_WORKER_METRICS_PORT,
      devEmitKey: values.DEV_EMIT_KEY,
      /** Undefined: nothing is traced, and nothing of it loaded. */
      traces: tracesOf(values),
    },
    /** What the start-up log shows: values in the clear, secrets as SET / NOT SET. */
    effective: Object.fromEntries(
      (Object.keys(variables) as VariableName[]).map((name) => [name, shownValue(name, values[name])]),
    ),
  }
}

function tracesOf({ OTEL_TRACES_EXPORTER: exporter, ...values }: Values) {
  const endpoint = values.OTEL_EXPORTER_OTLP_ENDPOINT
  if (exporter === 'console') return { exporter }
  if (exporter === 'none' || endpoint === undefined) return undefined
  return { exporter, endpoint, protocol: values.OTEL_EXPORTER_OTLP_PROTOCOL }
}

function shownValue(name: VariableName, value: unknown): unknown {
  const empty = value === undefined || (Array.isArray(value) && value.length === 0)
  if ((variables[name] as Variable).secret) return empty ? 'NOT SET' : 'SET'
  return empty ? 'NOT SET' : value
}

export type Config = Readonly<ReturnType<typeof shape>>

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(freeze)
    Object.freeze(value)
  }
  return value
}

/**
 * Reads the environment, once, into a frozen configuration.
 * @throws ConfigError naming every wrong variable
 */
export function loadConfig(env: Record<string, string | undefined> = process.env, root = process.cwd()): Config {
  return freeze(shape(parseValues(env), root))
}

/** `.env.example`, generated: every variable commented out with its default. */
export function envExample(): string {
  const lines = ['# Generated by `npm run docs` from src/config.ts. Copy to .env and uncomment what you change.']
  let group = ''
  for (const [name, definition] of Object.entries(variables)) {
    if (definition.group !== group) lines.push('', `# ---- ${(group = definition.group)}`)
    lines.push(`# ${definition.doc}${definition.shown === '' ? '' : ` (default: ${definition.shown})`}`, `#${name}=`)
  }
  return `${lines.join('\n')}\n`
}

/** The README's configuration table, generated. */
export function configTable(): string {
  const rows = Object.entries(variables).map(
    ([name, definition]) =>
      `| ${definition.group} | \`${name}\` | ${definition.shown === '' ? '' : `\`${definition.shown}\``} | ${definition.doc} |`,
  )
  return ['| group | variable | default | what it does |', '|---|---|---|---|', ...rows].join('\n')
}
