import { describe, expect, it } from 'vitest'
import { createLogger, type LoggerOptions } from '../../src/observability/logger.js'

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl'

function sink(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = []
  const log = createLogger({
    service: 'parley-test',
    level: 'info',
    redactPii: true,
    destination: { write: (line) => void lines.push(line) },
    ...options,
  })
  return { log, text: () => lines.join(''), last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> }
}

describe('a log line', () => {
  it('is one line of JSON with time, level in words, service and message', () => {
    const { log, last, text } = sink()
    log.info({ trace_id: 'abc', latency_ms: 4.5 }, 'request completed')
    expect(text().match(/\n/g)).toHaveLength(1)
    expect(last()).toMatchObject({
      level: 'info',
      service: 'parley-test',
      message: 'request completed',
      trace_id: 'abc',
      latency_ms: 4.5,
    })
    expect(new Date(String(last().ts)).toISOString()).toBe(last().ts)
    expect(Object.keys(last())).not.toContain('pid')
  })

  it('is not written below its level', () => {
    const { log, text } = sink({ level: 'warn' })
    log.info('quiet')
    expect(text()).toBe('')
  })
})

describe('personal data', () => {
  const personal: [string, unknown][] = [
    ['an email in a field', { note: 'ask anna.b+tag@acme.example.org today' }],
    ['an email in nested fields', { a: { b: [{ c: 'anna@acme.test' }] } }],
    ['an email in a URL', { url: 'https://x.test/u?mail=anna%40acme.test&x=1' }],
    ['a phone', { note: 'call +1 (415) 555-0100 now' }],
    ['a phone without separators', { note: 'from +14155550100' }],
    ['a local phone', { note: 'ring 415-555-0100' }],
    ['a phone in a URL', { url: 'https://x.test/?to=%2B14155550100' }],
    ['a name by its key', { name: 'Anna Acme', display_name: 'Anna Acme', firstName: 'Anna', 'last-name': 'Acme' }],
    ['what is said', { transcript: [{ role: 'user', content: 'I am Anna' }], conversational_context: 'Anna Acme' }],
    ['a name in JSON within a text', { body: '{"name":"Anna Acme","email":"anna@acme.test"}' }],
    ['an error', { err: new Error('Key (user_email)=(anna@acme.test) already exists') }],
    ['the cause of an error', { err: new Error('outer', { cause: new Error('no mail to anna@acme.test') }) }],
    ['a field of the log that carries it', { log: { caller: { email: 'anna@acme.test' } } }],
  ]
  const traces = /anna|acme|555|4155550100/i

  it.each(personal)('%s is masked', (_, fields) => {
    const { log, text } = sink()
    log.info(fields, 'constant')
    expect(text()).not.toMatch(traces)
    expect(() => JSON.parse(text()) as unknown).not.toThrow()
  })

  it('is masked in messages, their arguments, errors as such, and children', () => {
    const { log, text } = sink()
    log.info('mail from anna@acme.test')
    log.info('mail from %s', 'anna@acme.test')
    log.error(new Error('cannot reach anna@acme.test'))
    log.warn({ err: new Error('+1 415 555 0100 is busy') })
    log.child({ email: 'anna@acme.test', note: 'anna@acme.test' }).info('from a child')
    expect(text()).not.toMatch(traces)
    expect(text()).toContain('cannot reach [email]')
  })

  it('is shown when OBS_REDACT_PII is off', () => {
    const { log, text } = sink({ redactPii: false })
    log.info({ email: 'anna@acme.test', phone: '+14155550100' }, 'constant')
    expect(text()).toContain('anna@acme.test')
    expect(text()).toContain('+14155550100')
  })
})

describe('secrets', () => {
  const secrets: [string, unknown][] = [
    [
      'a header',
      { headers: { authorization: 'Bearer s3cr3t-value', cookie: 'sid=s3cr3t-value', 'x-api-key': 's3cr3t-value' } },
    ],
    [
      'a field',
      { password: 's3cr3t-value', refresh_token: 's3cr3t-value', apiKey: 's3cr3t-value', meetingToken: 's3cr3t-value' },
    ],
    ['a bearer token in a text', { note: 'sent Authorization: Bearer s3cr3t-value' }],
    ['a JWT in a text', { note: `got ${jwt}.` }],
    ['a token in a URL', { url: 'https://x.test/tavus/callback?session=1&token=s3cr3t-value&x=1' }],
    ['a password in a URL', { url: 'postgres://parley:s3cr3t-value@db.internal:5432/parley' }],
    ['an error', { err: new Error('request failed: GET https://x.test/?access_token=s3cr3t-value') }],
    ['JSON within a text', { body: '{"password": "s3cr3t-value"}' }],
  ]

  it.each(secrets)('in %s are masked, whether personal data is or not', (_, fields) => {
    for (const redactPii of [true, false]) {
      const { log, text } = sink({ redactPii })
      log.info(fields, 'constant')
      expect(text()).not.toMatch(/s3cr3t|eyJ/)
    }
  })
})

describe('what is neither', () => {
  it('is left as it is', () => {
    const fields = {
      trace_id: '12345678901234567890123456789012',
      external_id: 'c1234567890123',
      session_id: '01234567-8901-7234-8567-890123456789',
      at: '2026-11-21T12:34:56.789Z',
      day: 'on 2026-11-21 at 12:00',
      address_of_server: 'http://127.0.0.1:8000/tavus/callback',
      host: '192.168.100.200',
      status: 200,
      db_tracking: 'success',
      found: true,
      nothing: null,
      configuration: { JWT_SECRET: 'SET', TAVUS_API_KEY: 'NOT SET', PORT: 8000 },
    }
    const { log, last } = sink()
    log.info(fields, 'constant')
    expect(last()).toMatchObject(fields)
  })

  it('survives what cannot be written as it is', () => {
    const { log, last } = sink()
    const ring: Record<string, unknown> = { deep: {} }
    ring.self = ring
    log.info({ ring, bytes: Buffer.from('abc'), big: 10n, when: new Date(0), text: 'x'.repeat(50_000) }, 'constant')
    expect(last()).toMatchObject({
      message: 'constant',
      bytes: '[3 bytes]',
      big: '10',
      when: '1970-01-01T00:00:00.000Z',
    })
    expect(String(last().text).length).toBeLessThan(20_000)
  })

  it.each(['a', '1', '1 ', 'token', 'a-', '"name":', 'eyJ', 'eyJa.', '://a:', 'Bearer ', '@a.', 'x@'])(
    'costs little even where %j is repeated without end',
    (piece) => {
      const { log } = sink()
      const started = performance.now()
      log.info({ note: `${piece.repeat(16_000 / piece.length)}=@` }, 'constant')
      expect(performance.now() - started).toBeLessThan(250)
    },
  )

  it('costs little', () => {
    const { log } = sink()
    const fields = {
      route: '/sessions/:id',
      method: 'GET',
      status: 200,
      latency_ms: 3.1,
      note: 'a quite usual text of some length',
    }
    for (let i = 0; i < 2000; i++) log.info(fields, 'request completed')
    const started = performance.now()
    for (let i = 0; i < 10_000; i++) log.info(fields, 'request completed')
    expect((performance.now() - started) / 10_000).toBeLessThan(0.2)
  })
})
