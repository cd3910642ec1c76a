import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.js'
import { openApiDocument } from '../../src/http/openapi.js'
import { webhookRoutes } from '../../src/http/routes/webhooks.js'
import { createProviderRegistry } from '../../src/providers/registry.js'

interface Operation {
  summary: string
  parameters?: { in: string; name: string; required: boolean }[]
  requestBody: { content: object }
  responses: Record<string, { content?: object }>
}
const config = loadConfig({})
const routes = webhookRoutes({
  providers: createProviderRegistry(config).all,
  receiver: { receive: () => Promise.reject(new Error('nobody calls it')) },
  bodyLimitBytes: 1,
})
const { paths } = openApiDocument(routes, { version: '0', serverUrl: 'http://localhost' })
const operation = (path: string) => (paths?.[path] as { post: Operation }).post
const named = (path: string) => operation(path).parameters?.map(({ in: place, name }) => `${place} ${name}`)

describe('the document of the webhooks @unit', () => {
  it('has a summary of each address’s own, and the answers of all', () => {
    const firsts = routes.map(({ paths: [path] }) => operation(path))
    expect(new Set(firsts.map(({ summary }) => summary)).size).toBe(routes.length)
    for (const { responses } of firsts)
      for (const status of ['400', '401', '413', '422', '503'])
        expect(responses[status]?.content).toHaveProperty(['application/problem+json'])
  })

  it('names what proves a delivery, and how its body is written', () => {
    expect(named('/webhooks/twilio/sms')).toEqual(['header X-Twilio-Signature'])
    expect(Object.keys(operation('/webhook/twilio/sms').requestBody.content)).toEqual([
      'application/x-www-form-urlencoded',
      'application/json',
    ])
    expect(named('/webhooks/clerk')).toEqual(['header svix-id', 'header svix-timestamp', 'header svix-signature'])
    expect(named('/tavus/callback')).toEqual(['query session', 'query token'])
    expect(named('/webhooks/bland')).toEqual(['header X-Webhook-Signature'])
    expect(named('/webhooks/callrail/pre-call')).toEqual(['header Signature'])
    expect(named('/webhooks/elevenlabs')).toEqual(['header ElevenLabs-Signature'])
    expect(named('/webhooks/livekit')).toEqual(['header Authorization'])
    expect(Object.keys(operation('/webhooks/livekit').requestBody.content)[0]).toBe('application/webhook+json')
    const partner = operation('/webhooks/uwc/asr/complete').parameters ?? []
    expect(partner.every(({ required }) => !required)).toBe(true)
    expect(partner.map(({ name }) => name)).toContain('X-UWC-Signature')
  })
})
