import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAudioKeeper } from '../../src/providers/elevenlabs/audio.js'
import { createElevenLabsClient } from '../../src/providers/elevenlabs/client.js'
import { createTransport } from '../../src/providers/request.js'

let server: Server
let told: { status: number; body: string }
const asked: { url: string; key: string | undefined }[] = []
const transport = createTransport({ provider: 'elevenlabs' })
const client = (apiKey: string | undefined = 'key') => {
  const { port } = server.address() as AddressInfo
  return createElevenLabsClient({ apiKey, baseUrl: `http://127.0.0.1:${port}` }, transport)
}
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push({ url: request.url ?? '', key: request.headers['xi-api-key'] as string | undefined })
    response.writeHead(told.status).end(told.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await transport.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const url = 'wss://api.test/v1/convai/conversation?agent_id=a&conversation_signature=s'
const answer = (body: unknown, status = 200) =>
  (told = { status, body: typeof body === 'string' ? body : JSON.stringify(body) })

describe('a signed URL', () => {
  it.each([
    ['beside it', { signed_url: url, conversation_id: 'conv_1' }, url],
    ['in it', { signed_url: `${url}&conversation_id=conv_1` }, `${url}&conversation_id=conv_1`],
  ])('has the id of its conversation %s', async (_where, body, whole) => {
    answer(body)
    expect(await client().signedUrl('agent/1')).toEqual({ conversationId: 'conv_1', url: whole })
    expect(asked.at(-1)).toEqual({
      url: '/v1/convai/conversation/get-signed-url?agent_id=agent%2F1&include_conversation_id=true',
      key: 'key',
    })
  })

  it.each([
    ['without an id', { signed_url: url }],
    ['with an id that is none', { signed_url: url, conversation_id: '../x' }],
    ['that is no address', { signed_url: 'nothing', conversation_id: 'conv_1' }],
    ['of another kind', { signed_url: 'https://api.test/', conversation_id: 'conv_1' }],
    ['that is not JSON', 'oops'],
  ])('%s is a failure of the provider', async (_what, body) => {
    answer(body)
    await expect(client().signedUrl('a')).rejects.toMatchObject({ code: 'provider_failed', retryable: true })
  })

  it('needs a key', async () => {
    const without = createElevenLabsClient({ apiKey: undefined, baseUrl: 'http://127.0.0.1:1' }, transport)
    await expect(without.signedUrl('a')).rejects.toMatchObject({ code: 'provider_not_configured', status: 503 })
    expect(without.configured).toBe(false)
  })
})

describe('a recording', () => {
  it('comes piece by piece', async () => {
    answer('ID3 sound')
    let text = ''
    for await (const piece of client().audio('conv_1')) text += String(piece)
    expect([text, asked.at(-1)?.url]).toEqual(['ID3 sound', '/v1/convai/conversations/conv_1/audio'])
  })

  it('that is not there says so', async () => {
    answer({ detail: { status: 'missing_conversation_audio', message: 'none' } }, 404)
    await expect(client().audio('conv_1').next()).rejects.toMatchObject({ code: 'provider_not_found' })
  })

  it.each([
    ['too large', ['12345', '6'], 'larger than 5 bytes'],
    ['empty', [], 'empty'],
  ])('that is %s leaves nothing', async (_what, pieces, said) => {
    const done: string[] = []
    const writer = { write: async () => undefined, commit: async () => 'place', discard: async () => done.push('gone') }
    const keep = createAudioKeeper({ artefacts: { create: async () => writer } as never, limitBytes: 5 })
    const audio = (async function* () {
      for (const piece of pieces) yield Buffer.from(piece)
    })()
    await expect(keep('conv_1', audio)).rejects.toThrow(said)
    expect(done).toEqual(['gone'])
  })
})
