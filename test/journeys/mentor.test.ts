import { randomUUID } from 'node:crypto'
import { Client, Connection } from '@temporalio/client'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { composeContext } from '../../src/domain/mentor-context.js'
import { addFault, call, clearFaults, configureSimulator, eventually, login, truthOf } from '../support/client.js'
import { type Stack, startStack } from '../support/stack.js'

let stack: Stack
const tokens: Record<string, string> = {}
beforeAll(async () => {
  stack = await startStack({
    env: { SESSION_RECONCILE_SECONDS: '1', LOG_LEVEL: 'trace', LOGIN_RATE_LIMIT: '1000/minute' },
  })
  for (const who of ['lead', 'csr', 'rep', 'rep2']) tokens[who] = await login(stack.url, `${who}@acme.test`)
  await configureSimulator(stack.simulator.url, { join_delay_ms: [50, 100], transcript_delay_ms: 100 })
})
afterAll(() => stack?.stop())
beforeEach(() => clearFaults(stack.simulator.url))

type Body = Record<string, unknown>
const post = (who: string, path: string, body: Body = {}, headers: Record<string, string> = {}) =>
  call(`${stack.url}${path}`, { token: tokens[who], body, headers })
const write = async (who: string, path: string, body: Body) => {
  const headers = { 'if-match': '*' }
  const { status } = await call(`${stack.url}${path}`, { method: 'PUT', token: tokens[who], body, headers })
  expect([path, status]).toEqual([path, 200])
}
/** What the provider was asked for. */
const requestOf = async (conversationId: string) =>
  ((await truthOf(stack.simulator.url, conversationId)) as { request: Body }).request
const endOf = (who: string, sessionId: string) => post(who, `/mentor/sessions/${sessionId}/end`)

/** Words that stand nowhere else. */
const secret = 'Quillfeather'

const fullSources = {
  profile: {
    preferredName: secret,
    pronouns: null,
    occupation: null,
    language: 'English',
    timezone: 'Europe/London',
    about: `${secret} moved here in spring.`,
  },
  onboarding: {
    disc: { dominance: 20, influence: 65, steadiness: 80, conscientiousness: 40 },
    enneagram: { type: 9, wing: 1 },
  },
  preferences: {
    tone: 'calm' as const,
    timeOfDay: 'evening' as const,
    sessionMinutes: 10,
    opening: `breathe, ${secret}`,
    closing: null,
    topicsToAvoid: [`${secret}'s brother`],
  },
  categories: [{ category: `grief of ${secret}`, intensity: 4, note: null }],
  goals: [{ title: `${secret} sleeps`, description: null, targetDate: '2026-12-31' }],
}

async function tellEverything(who: string): Promise<void> {
  const { profile, onboarding, preferences, categories, goals } = fullSources
  await write(who, '/me/profile', {
    preferred_name: profile.preferredName,
    language: profile.language,
    timezone: profile.timezone,
    about: profile.about,
  })
  await write(who, '/me/onboarding', onboarding)
  await write(who, '/me/ritual-preferences', {
    tone: preferences.tone,
    time_of_day: preferences.timeOfDay,
    session_minutes: preferences.sessionMinutes,
    opening: preferences.opening,
    topics_to_avoid: preferences.topicsToAvoid,
  })
  await write(who, '/me/emotional-categories', { items: categories })
  for (const { title, targetDate } of goals)
    expect((await post(who, '/me/goals', { title, target_date: targetDate })).status).toBe(201)
}

async function historyOf(sessionId: string): Promise<string> {
  const connection = await Connection.connect({ address: stack.temporalAddress })
  try {
    const history = await new Client({ connection }).workflow.getHandle(`session/${sessionId}`).fetchHistory()
    // Payloads are base64; read as what they are.
    return historyToJSON(history).replace(/"data": ?"([A-Za-z0-9+/=]*)"/g, (_, data: string) =>
      Buffer.from(data, 'base64').toString('utf8'),
    )
  } finally {
    await connection.close()
  }
}

describe('a mentor session @integration', () => {
  it('of a user with no data sends the defaults', async () => {
    const started = await post('csr', '/mentor/sessions')
    expect(started.status).toBe(201)
    expect(started.headers.get('location')).toBe(`/sessions/${started.body.session_id}`)
    const request = await requestOf(started.body.conversation_id)
    expect(request.conversational_context).toBe(composeContext({ categories: [], goals: [] }))
    expect((await endOf('csr', started.body.session_id)).body).toMatchObject({ end_reason: 'user' })
  })

  it('of a user with partial data sends what is known, and defaults for the rest', async () => {
    await write('rep2', '/me/onboarding', { enneagram: { type: 4 } })
    const started = await post('rep2', '/sessions', { provider: 'tavus', mode: 'mentor' })
    expect(started.status).toBe(201)
    expect((await requestOf(started.body.conversation_id)).conversational_context).toBe(
      composeContext({
        onboarding: { disc: null, enneagram: { type: 4, wing: null } },
        categories: [],
        goals: [],
      }),
    )
    const { body } = await call(`${stack.url}/sessions/${started.body.session_id}`, {
      method: 'GET',
      token: tokens.rep2,
    })
    expect(body).toMatchObject({ mode: 'mentor', status: 'active' })
    await endOf('rep2', started.body.session_id)
  })

  it('of a user with full data sends all of it, before what the start says, and keeps it out of everything else', async () => {
    await tellEverything('rep')
    const avatar = await post('lead', '/mentor/avatars', {
      name: 'Amara',
      persona_id: 'p-amara',
      replica_id: 'r-amara',
    })
    await write('rep', '/me/persona', { avatar_id: avatar.body.id })
    const started = await post('rep', '/mentor/sessions', { conversational_context: 'We are in week three.' })
    expect(started.status).toBe(201)
    const { session_id: sessionId, conversation_id: conversationId } = started.body as Record<string, string>
    const request = await requestOf(conversationId!)
    expect(request).toMatchObject({
      persona_id: 'p-amara',
      replica_id: 'r-amara',
      conversational_context: `${composeContext(fullSources)}\n\nWe are in week three.`,
    })
    expect((await endOf('rep', sessionId!)).status).toBe(200)
    // Its transcript begins with the prompt, which the provider sends back to us.
    const receipt = await eventually(
      () =>
        stack.rows<{ payload: Buffer }>(
          `select payload from webhook_receipts where external_id = $1 and kind = 'application.transcription_ready'
           and status = 'processed'`,
          [conversationId],
        ),
      (rows) => rows.length === 1,
    )
    expect(JSON.stringify(await truthOf(stack.simulator.url, conversationId!))).toContain(`"role":"system"`)
    expect(receipt[0]?.payload.toString()).not.toContain(secret)
    await eventually(
      () => call(`${stack.url}/sessions/${sessionId}`, { method: 'GET', token: tokens.rep }),
      ({ body }) => body.artifacts.transcript === true,
    )
    const history = await historyOf(sessionId!)
    expect(history).toContain('We are in week three.')
    expect(history).not.toContain(secret)
    expect(stack.logLines.filter((line) => line.includes(secret))).toEqual([])
    const everywhere = await stack.rows<{ found: string }>(
      `select 'session' as found from conversations_users t where t::text like $1
       union all select 'mentor' from mentor_conversations t where t::text like $1
       union all select 'day' from daily_sessions t where t::text like $1
       union all select 'log' from event_logs t where t::text like $1`,
      [`%${secret}%`],
    )
    expect(everywhere).toEqual([])
  })

  it('tells of no word that was taken back a moment ago', async () => {
    await write('rep', '/me/profile', { preferred_name: 'Before' })
    const first = await post('rep', '/mentor/sessions')
    await write('rep', '/me/profile', { preferred_name: 'After' })
    const second = await post('rep', '/mentor/sessions')
    const contexts = await Promise.all(
      [first, second].map(async ({ body }) => (await requestOf(body.conversation_id)).conversational_context as string),
    )
    expect([
      contexts[0]?.includes('"Before"'),
      contexts[1]?.includes('"Before"'),
      contexts[1]?.includes('"After"'),
    ]).toEqual([true, false, true])
    for (const { body } of [first, second]) await endOf('rep', body.session_id)
  })

  it('lets the request’s persona go before the chosen one, and plain sessions know nobody', async () => {
    await write('rep', '/me/persona', { persona_id: 'p-chosen', replica_id: 'r-chosen' })
    const named = await post('rep', '/mentor/sessions', { persona_id: 'p-asked' })
    expect(await requestOf(named.body.conversation_id)).toMatchObject({ persona_id: 'p-asked', replica_id: 'r-chosen' })
    const plain = await post('rep', '/sessions', { provider: 'tavus', mode: 'plain' })
    const request = await requestOf(plain.body.conversation_id)
    expect(request.conversational_context).toBeUndefined()
    expect(request.persona_id).not.toBe('p-chosen')
    // Not a mentor's session.
    expect((await endOf('rep', plain.body.session_id)).status).toBe(404)
    expect((await endOf('rep', named.body.session_id)).status).toBe(200)
    await post('rep', `/sessions/${plain.body.session_id}/end`)
  })

  it('is one for one key, is not the plain session of the same key, and ends only for who may end it', async () => {
    const headers = { 'idempotency-key': randomUUID() }
    const [first, second] = await Promise.all([
      post('rep', '/mentor/sessions', {}, headers),
      post('rep', '/sessions', { provider: 'tavus', mode: 'mentor' }, headers),
    ])
    expect(second.body.session_id).toBe(first.body.session_id)
    expect([first.status, second.status].sort()).toEqual([200, 201])
    const plain = await post('rep', '/sessions', { provider: 'tavus' }, headers)
    expect(plain).toMatchObject({ status: 422, body: { errors: [{ pointer: 'header/idempotency-key' }] } })
    const id = first.body.session_id as string
    expect([(await endOf('rep2', id)).status, (await endOf('csr', id)).status]).toEqual([404, 404])
    const ended = await endOf('lead', id)
    expect(ended).toMatchObject({ status: 200, body: { status: 'completed', end_reason: 'user' } })
    expect((await endOf('rep', id)).body).toMatchObject({ session_id: id, end_reason: 'user' })
  })

  it('has rows of its own that say from start to end what the session’s row says', async () => {
    const { body } = await post('rep', '/mentor/sessions', { metadata: { week: 3 } })
    const rows = () =>
      stack.rows<Record<string, unknown>>(
        `select coalesce(c.joined_at, c.created_at) as begun, c.ended_at, c.duration_seconds, c.status, c.transcript,
           c.metadata, m.start_time, m.end_time, m.duration, m.status as m_status, m.transcript as m_transcript,
           m.metadata as m_metadata, d.start_time as d_start, d.end_time as d_end, d.duration as d_duration,
           d.status as d_status, d.transcript as d_transcript, d.metadata as d_metadata
         from conversations_users c join mentor_conversations m using (session_id) join daily_sessions d using (session_id)
         where session_id = $1`,
        [body.session_id],
      )
    const expectSame = ([row]: Record<string, unknown>[]) => {
      expect(row).toBeDefined()
      const of = (names: string[]) => names.map((name) => row?.[name])
      const session = of(['begun', 'ended_at', 'duration_seconds', 'status', 'transcript', 'metadata'])
      expect(of(['start_time', 'end_time', 'duration', 'm_status', 'm_transcript', 'm_metadata'])).toEqual(session)
      expect(of(['d_start', 'd_end', 'd_duration', 'd_status', 'd_transcript', 'd_metadata'])).toEqual(session)
    }
    const begun = await rows()
    expectSame(begun)
    expect(begun[0]).toMatchObject({ status: 'active', m_metadata: { week: 3 } })
    await endOf('rep', body.session_id)
    expectSame(await rows())
    const ended = await eventually(rows, ([row]) => row?.transcript !== null && row?.duration_seconds !== null)
    expectSame(ended)
    expect(ended[0]).toMatchObject({ status: 'completed', m_status: 'completed', d_status: 'completed' })
  })

  it('is created once when the provider’s answer is lost, with the context', async () => {
    await addFault(stack.simulator.url, { operation: 'create', kind: 'lost_answer', times: 1 })
    const { status, body } = await post('rep', '/mentor/sessions')
    expect(status).toBe(201)
    const { body: truth } = await call(`${stack.simulator.url}/__sim/conversations?name_contains=${body.session_id}`, {
      method: 'GET',
    })
    expect(truth.conversations).toHaveLength(1)
    expect(truth.conversations[0].request.conversational_context).toContain('You mentor the person')
    await endOf('rep', body.session_id)
  })

  it('can be begun without waiting', async () => {
    const begun = await post('rep', '/mentor/sessions', {}, { prefer: 'respond-async' })
    expect(begun.status).toBe(202)
    const found = await eventually(
      () => call(`${stack.url}/sessions/${begun.body.session_id}`, { method: 'GET', token: tokens.rep }),
      ({ status, body }) => status === 200 && body.status === 'active',
    )
    expect(found.body.mode).toBe('mentor')
    await endOf('rep', begun.body.session_id)
  })

  it('is refused to nobody’s token, for an unknown provider, mode or field, by name', async () => {
    expect((await call(`${stack.url}/mentor/sessions`, { body: {} })).status).toBe(401)
    for (const [path, body, pointer] of [
      ['/mentor/sessions', { provider: 'zoom' }, '/provider'],
      ['/mentor/sessions', { mode: 'plain' }, '/mode'],
      ['/sessions', { provider: 'tavus', mode: 'guru' }, '/mode'],
    ] as const)
      expect(await post('rep', path, body)).toMatchObject({ status: 422, body: { errors: [{ pointer }] } })
    expect((await endOf('rep', randomUUID())).status).toBe(404)
    expect((await endOf('rep', 'x')).status).toBe(422)
  })
})
