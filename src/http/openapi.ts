import { z } from 'zod'
import {
  createDocument,
  type ZodOpenApiObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
} from 'zod-openapi'
import { problemSchema, problemTypeBase } from './problem.js'
import type { ResponseDefinition, Route } from './route.js'

export type OpenApiDocument = ReturnType<typeof createDocument>

/** The OpenAPI 3.1 document of the routes. */
export function openApiDocument(routes: Route[], info: { version: string; serverUrl: string }): OpenApiDocument {
  const paths: Record<string, ZodOpenApiPathsObject[string]> = {}
  for (const route of routes)
    for (const path of route.paths) {
      const item = (paths[path.replace(/:(\w+)/g, '{$1}')] ??= {})
      item[route.method] = operationOf(route, path)
    }
  return createDocument({ ...head(info), paths })
}

const head = ({ version, serverUrl }: { version: string; serverUrl: string }): ZodOpenApiObject => ({
  openapi: '3.1.1',
  info: {
    title: 'Parley',
    version,
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    description:
      'Durable backend for AI video and voice conversations. Failures are RFC 9457 problem details; their `type` is ' +
      `\`${problemTypeBase}<code>\`, that of a limit is \`https://tools.ietf.org/html/rfc6585#section-4\`. Every answer ` +
      'carries `X-Request-Id` and `X-Trace-Id`.',
  },
  servers: [{ url: serverUrl }],
  components: {
    securitySchemes: {
      bearer: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'A token of POST /auth/login, or a session token of Clerk where the installation takes them',
      },
      apiKey: {
        type: 'apiKey',
        in: 'header',
        name: 'X-API-Key',
        description:
          'A key of POST /api-keys, for servers. Beside the role it needs the scope that stands with each operation: ' +
          '`<tag>:read` or `<tag>:write`.',
      },
    },
  },
})

/** Who may call: nobody in particular, the bearer of a token, or a key with its scope. */
function securityOf({ auth, keyScope }: Route): Record<string, string[]>[] {
  if (auth === 'none') return []
  const key = keyScope === false ? [] : [{ apiKey: keyScope === 'any' ? [] : [keyScope] }]
  return [...(auth === 'optional' ? [{}] : []), { bearer: [] }, ...key]
}

function operationOf(route: Route, path: string): ZodOpenApiOperationObject {
  const { summary, description, tags, request, auth } = route
  const isAlias = path !== route.paths[0]
  return {
    operationId: isAlias ? `${route.operationId}${camelCase(path)}` : route.operationId,
    summary,
    ...describe(description, auth),
    tags: [...tags],
    security: securityOf(route),
    ...(route.roles ? { 'x-roles': [...route.roles] } : {}),
    ...documentedParameters(route),
    requestParams: {
      ...parametersOf('path', request.params),
      ...parametersOf('query', request.query),
      ...parametersOf('header', request.headers),
    },
    ...requestBodyOf(route),
    responses: responsesOf(route),
  }
}

/** Padlocks say little: the words say whether a call works without a token. */
function describe(description: string | undefined, auth: Route['auth']): { description?: string } {
  const token = auth === 'optional' ? 'A token is optional.' : undefined
  const text = [description, token].filter((part) => part !== undefined).join(' ')
  return text === '' ? {} : { description: text }
}

/** Operation ids are unique, and an alias is an operation of its own. */
const camelCase = (path: string) =>
  path.replace(/[^a-z0-9]*([a-z0-9]+)/gi, (_, word: string) => word[0]?.toUpperCase() + word.slice(1))

const parametersOf = (place: 'path' | 'query' | 'header', schema: z.ZodType | undefined) =>
  schema instanceof z.ZodObject ? { [place]: schema } : {}

function requestBodyOf({ request }: Route): Pick<ZodOpenApiOperationObject, 'requestBody'> {
  if (request.raw) return { requestBody: { required: true, content: rawContent(request.raw.documented?.contentTypes) } }
  if (!request.body) return {}
  // What accepts {} may be left out.
  const required = !request.body.safeParse({}).success
  return { requestBody: { required, content: { 'application/json': { schema: request.body } } } }
}

const rawContent = (contentTypes: readonly string[] = ['application/json']) =>
  Object.fromEntries(contentTypes.map((contentType) => [contentType, { schema: { type: 'object' as const } }]))

/** What is read from the request as it came. */
function documentedParameters({ request }: Route): Pick<ZodOpenApiOperationObject, 'parameters'> {
  const parameters = request.raw?.documented?.parameters ?? []
  if (parameters.length === 0) return {}
  return { parameters: parameters.map((parameter) => ({ ...parameter, schema: { type: 'string' as const } })) }
}

const problemContent = { 'application/problem+json': { schema: problemSchema } }

function responsesOf(route: Route): ZodOpenApiOperationObject['responses'] {
  const documented = Object.entries(route.responses).map(([status, response]) => [
    status,
    responseOf(Number(status), response),
  ])
  return {
    ...(Object.fromEntries(documented) as ZodOpenApiOperationObject['responses']),
    ...(route.auth === 'required' && !route.responses[401]
      ? { '401': { description: 'No valid token and no valid API key', content: problemContent } }
      : {}),
    ...implied(route, 403, route.auth !== 'none', 'The token names no company, or the role or the API key may not'),
    ...implied(route, 404, route.request.params !== undefined, 'Unknown, or not the caller’s'),
    ...implied(route, 422, isValidated(route), 'A field is not valid; `errors` names each'),
    ...limitedOf(route),
    default: { description: 'A problem', content: problemContent },
  }
}

const limitHeaders = {
  'Retry-After': 'Seconds until the window is over',
  'RateLimit-Policy': 'Each limit that counted the request: its points and its window in seconds',
  RateLimit: 'What is left of each, and in how many seconds it begins anew',
  'RateLimit-Limit': 'Points of the limit with the least left',
  'RateLimit-Remaining': 'What is left of it',
  'RateLimit-Reset': 'Seconds until it begins anew',
}

function limitedOf({ limits, responses }: Route): Record<string, ReturnType<typeof responseOf>> {
  if (limits === false) return {}
  const description = responses[429]?.description ?? 'Too many requests of this user, company or address'
  return { '429': responseOf(429, { ...responses[429], description, headers: limitHeaders }) }
}

const isValidated = ({ request: { params, query, headers, body } }: Route) =>
  [params, query, headers, body].some((schema) => schema !== undefined)

/** An answer that follows from the definition; one that the route describes itself stands. */
const implied = (route: Route, status: number, isPossible: boolean, description: string) =>
  isPossible && !route.responses[status] ? { [status]: { description, content: problemContent } } : {}

function responseOf(
  status: number,
  { description, schema, headers, contentType = 'application/json' }: ResponseDefinition,
) {
  const described: Record<string, { description: string; schema: { type: 'string' } }> = {}
  for (const [name, text] of Object.entries(headers ?? {}))
    described[name] = { description: text, schema: { type: 'string' } }
  const own = schema ? { content: { [contentType]: { schema } } } : status >= 400 ? { content: problemContent } : {}
  return { description, ...own, ...(headers ? { headers: described } : {}) }
}
