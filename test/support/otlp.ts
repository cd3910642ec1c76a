import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ReceivedSpan {
  name: string
  /** 2: of a server, 3: of a client. */
  kind: number
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  service: string
  attributes: Record<string, unknown>
  status: number
}

interface OtlpValue {
  stringValue?: string
  intValue?: string | number
  boolValue?: boolean
}
interface OtlpAttribute {
  key: string
  value: OtlpValue
}
interface OtlpSpan extends Omit<ReceivedSpan, 'attributes' | 'status' | 'service'> {
  attributes?: OtlpAttribute[]
  status?: { code?: number }
}
interface OtlpBody {
  resourceSpans: { resource: { attributes: OtlpAttribute[] }; scopeSpans: { spans: OtlpSpan[] }[] }[]
}

const valueOf = ({ stringValue, intValue, boolValue }: OtlpValue) => stringValue ?? intValue ?? boolValue
const fields = (attributes: OtlpAttribute[] = []) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]))

function spansOf(text: string): ReceivedSpan[] {
  return (JSON.parse(text) as OtlpBody).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(fields(resource.attributes)['service.name'])
    return scopeSpans
      .flatMap(({ spans }) => spans)
      .map(({ attributes, status, parentSpanId, ...span }) => ({
        ...span,
        parentSpanId: parentSpanId || undefined,
        attributes: fields(attributes),
        status: status?.code ?? 0,
        service,
      }))
  })
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** A collector of traces: takes what comes over HTTP, and can be away. */
export async function createOtlpReceiver() {
  const spans: ReceivedSpan[] = []
  const bodies: { type: string; path: string; bytes: Buffer }[] = []
  let away = false
  const server = createServer((request, response) => {
    void (async () => {
      const bytes = await bodyOf(request)
      if (away) return void request.socket.destroy()
      const type = request.headers['content-type'] ?? ''
      bodies.push({ type, path: request.url ?? '', bytes })
      if (type.includes('json')) spans.push(...spansOf(bytes.toString()))
      response.writeHead(200, { 'content-type': type }).end(type.includes('json') ? '{}' : '')
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    /** Hangs up on whoever comes. */
    set away(value: boolean) {
      away = value
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type OtlpReceiver = Awaited<ReturnType<typeof createOtlpReceiver>>
