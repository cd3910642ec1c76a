import { describe, expect, it } from 'vitest'
import { createRedactor } from '../../src/observability/redact.js'
import { privateExporter, privateSpan } from '../../src/telemetry/private-spans.js'

type Span = Parameters<typeof privateSpan>[0]
const redactor = createRedactor({ personal: true })

const span = (changes: object = {}) =>
  ({
    name: 'POST /x',
    attributes: {},
    events: [],
    status: { code: 2, message: 'no mail to anna@acme.test' },
    spanContext: () => ({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 }),
    ...changes,
  }) as unknown as Span
const attributesOf = (attributes: object) => privateSpan(span({ attributes }), redactor).attributes

describe('a span that leaves @unit', () => {
  it('keeps what is on the list, and nothing else', () => {
    const attributes = {
      'http.route': '/leads/:id',
      'http.response.status_code': 200,
      'url.path': '/leads/anna@acme.test',
      'url.query': 'name=Anna',
      'client.address': '203.0.113.7',
      'user_agent.original': 'Anna',
      memo: { customer: 'Anna' },
      searchAttributes: ['Anna'],
      temporalWorkflowId: 'session/1',
    }
    expect(attributesOf(attributes)).toEqual({
      'http.route': '/leads/:id',
      'http.response.status_code': 200,
      temporalWorkflowId: 'session/1',
    })
  })

  it('has addresses of others without query, credentials and emails', () => {
    const url = (full: string) => attributesOf({ 'url.full': full })['url.full']
    expect(url('https://a.test/tavus/callback?session=1&token=abc')).toBe('https://a.test/tavus/callback')
    expect(url('https://user:secret@a.test/v1/calls')).toBe('https://a.test/v1/calls')
    expect(url('https://a.test/users/anna@acme.test')).toBe('https://a.test/users/[email]')
    expect(url('not an address')).toBeUndefined()
  })

  it('has the shape of a statement, without literals, however they are quoted', () => {
    const sql = `select set_config('app.user_id', 'Anna', true), 'O''Hara ''x''' from users where id = $1`
    expect(attributesOf({ 'db.query.text': sql })['db.query.text']).toBe(
      'select set_config(?, ?, true), ? from users where id = $1',
    )
    expect(String(attributesOf({ 'db.query.text': 'x'.repeat(9000) })['db.query.text'])).toHaveLength(2000)
  })

  it('says that and where something failed, and not with which words', () => {
    const stack = 'Error: no mail to Anna\nAnna again\n    at send (mail.js:1:2)\n    at run (x.js:3:4)'
    const event = {
      name: 'exception',
      time: [0, 0],
      attributes: { 'exception.type': 'Error', 'exception.message': 'no mail to Anna', 'exception.stacktrace': stack },
    }
    const cleaned = privateSpan(span({ events: [event] }), redactor)
    expect(cleaned.status).toEqual({ code: 2 })
    expect(cleaned.events).toMatchObject([
      {
        name: 'exception',
        attributes: {
          'exception.type': 'Error',
          'exception.stacktrace': '    at send (mail.js:1:2)\n    at run (x.js:3:4)',
        },
      },
    ])
    expect(JSON.stringify(cleaned.events)).not.toContain('Anna')
  })

  it('is the same span to whoever exports it', () => {
    expect(privateSpan(span(), redactor).spanContext().traceId).toBe('a'.repeat(32))
  })
})

describe('an exporter that fails @unit', () => {
  it('is told of, and the batch counts as done', () => {
    const failures: unknown[] = []
    const results: unknown[] = []
    const failing = {
      export: (_: unknown, done: (result: { code: number; error: Error }) => void) =>
        done({ code: 1, error: new Error('away') }),
      shutdown: async () => undefined,
    }
    privateExporter(failing, (error) => failures.push(error)).export([span()], (result) => results.push(result))
    expect(failures).toEqual([new Error('away')])
    expect(results).toEqual([{ code: 0 }])
  })
})
