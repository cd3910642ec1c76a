import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { anEvent, eventually, shutdown, startEngine, type TestEngine } from './harness.js'

let engine: TestEngine
afterEach(() => engine.close())
const spoolFiles = () => readdir(join(engine.dataDir, 'spool')).catch(() => [])

describe('with Temporal away', () => {
  it('an event is accepted within its time, and the next ones at once', async () => {
    engine = await startEngine({ temporalAddress: '127.0.0.1:1', env: { WEBHOOK_ACK_MS: '400' } })
    const session = await engine.session()
    const timed = async () => {
      const began = Date.now()
      const { status, body } = await engine.post(session.sessionId, anEvent(session.conversationId, 'application.any'))
      return { status, said: body.status, ms: Date.now() - began }
    }
    await timed()
    const first = await timed()
    expect(first).toMatchObject({ status: 202, said: 'accepted' })
    expect(first.ms).toBeLessThan(2000)
    const next = await timed()
    expect(next.status).toBe(202)
    expect(next.ms).toBeLessThan(200)
    await eventually(async () => (await engine.receipts('drain')).length === 3)
    expect(engine.wakes.count).toBeGreaterThan(0)
    const settled = await engine.engine.activityDeps.drain.batch(256)
    expect(settled.map(({ status }) => status)).toEqual(['processed', 'processed', 'processed'])
  })
})

describe('with PostgreSQL away', () => {
  it('a delivery is kept on the disk, answered, and processed when the database is back', async () => {
    engine = await startEngine({ env: { WEBHOOK_ACK_MS: '1000' } })
    engine.engine.background.start()
    const session = await engine.session()
    const events = [
      shutdown(session.conversationId),
      anEvent(session.conversationId, 'system.replica_joined', {}, '2026-03-01T10:00:01Z'),
    ]
    await engine.link.cut()
    const answers = await Promise.all([...events, ...events].map((event) => engine.post(session.sessionId, event)))
    expect(new Set(answers.map(({ status, body }) => `${status} ${String(body.status)}`))).toEqual(
      new Set(['202 accepted']),
    )
    const kept = await Promise.all(
      (await spoolFiles()).map((name) => readFile(join(engine.dataDir, 'spool', name), 'utf8')),
    )
    expect(kept.join('').trim().split('\n')).toHaveLength(4)
    expect(kept.join('')).not.toContain('token=')
    await engine.link.mend()
    await eventually(async () => (await engine.receipts(`status = 'processed'`)).length === 2)
    expect((await engine.receipts()).map(({ source }) => source)).toEqual(['spool', 'spool'])
    expect(await engine.sessionRow(session.sessionId)).toMatchObject({
      status: 'completed',
      end_reason: 'participant_left',
    })
    await eventually(async () => (await spoolFiles()).length === 0)
  })

  it('a line that a crash left half written is skipped and reported', async () => {
    engine = await startEngine({ worker: false })
    const session = await engine.session()
    await engine.link.cut()
    await engine.post(session.sessionId, shutdown(session.conversationId))
    await engine.link.mend()
    const [name = ''] = await spoolFiles()
    const path = join(engine.dataDir, 'spool', name)
    const whole = await readFile(path, 'utf8')
    await writeFile(path, whole + whole.slice(0, 40))
    engine.engine.background.start()
    await eventually(async () => (await engine.receipts()).length === 1)
    await eventually(async () => (await spoolFiles()).length === 0)
    expect(engine.lines).toContainEqual(
      expect.objectContaining({ lines: 1, message: 'unfinished lines in the webhook spool, never answered' }),
    )
  })

  it('and the disk as well, the answer is 503', async () => {
    engine = await startEngine({ worker: false })
    await mkdir(engine.dataDir, { recursive: true })
    await writeFile(join(engine.dataDir, 'spool'), 'not a folder')
    await engine.link.cut()
    const answer = await engine.post('0199a3c2-6d1e-7000-8000-0000000000aa', shutdown('c1'))
    expect(answer).toMatchObject({ status: 503, body: { code: 'webhook_not_kept' } })
  })
})
