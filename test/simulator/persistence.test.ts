import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cleanUpAfterEach, onCleanup, receiver, start } from './support.js'

cleanUpAfterEach()

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'parley-simulator-'))
  onCleanup(() => rm(path, { recursive: true, force: true }))
  return path
}

describe('the journal', () => {
  it('brings the truth back after a restart, word for word', async () => {
    const dataDir = await folder()
    const hook = await receiver()
    const before = await start({ dataDir })
    const { conversation_id: id } = await before.create({ conversation_name: 'kept', callback_url: hook.url })
    await before.create({ conversation_name: 'kept' })
    await expect.poll(() => before.simulator.conversations().every((row) => row.events.length === 2)).toBe(true)
    await before.post(`/v2/conversations/${id}/end`)
    await expect.poll(() => before.simulator.conversation(id)?.deliveries.length).toBe(4)
    const truth = before.simulator.conversations()
    await before.simulator.close()
    const after = await start({ dataDir })
    expect(after.simulator.conversations()).toEqual(truth)
    expect((await after.get('/__sim/conversations?summary=true')).body.counts).toEqual({
      created: 2,
      running: 1,
      ended: 1,
      created_twice: [{ conversation_name: 'kept', count: 2 }],
    })
    expect((await after.get('/v2/conversations?status=active')).body.total_count).toBe(1)
  })

  it('goes on with the timers and the callbacks that were to come', async () => {
    const dataDir = await folder()
    const hook = await receiver()
    const before = await start({ dataDir, timings: { join_delay_ms: 400 } })
    const running = await before.create({ callback_url: hook.url, properties: { participant_absent_timeout: 1 } })
    const ended = await before.create()
    await before.post('/__sim/config', { shutdown_delay_ms: 60_000 })
    await before.post(`/v2/conversations/${ended.conversation_id}/end`)
    expect(before.simulator.conversation(running.conversation_id)?.joined_at).toBeNull()
    await before.simulator.close()
    const after = await start({ dataDir })
    await expect
      .poll(() => after.simulator.conversation(running.conversation_id)?.status, { timeout: 3000 })
      .toBe('ended')
    await expect.poll(hook.types).toContain('system.shutdown')
    expect(hook.types()).toContain('system.replica_joined')
    expect(after.simulator.conversation(ended.conversation_id)).toMatchObject({ status: 'ended', events: [] })
  })

  it('has what was answered on disk at once, and survives a line cut short', async () => {
    const dataDir = await folder()
    const before = await start({ dataDir })
    const { conversation_id: id } = await before.create({ conversation_name: 'answered' })
    const path = join(dataDir, 'simulator-journal.jsonl')
    expect(await readFile(path, 'utf8')).toContain(id)
    await before.simulator.close()
    await appendFile(path, '{"id":"c1","se')
    const after = await start({ dataDir })
    expect(after.simulator.conversation(id)?.conversation_name).toBe('answered')
    await after.simulator.close()
    const lines = (await readFile(path, 'utf8')).trim().split('\n')
    expect(lines.map((line) => Object.keys(JSON.parse(line) as object)[0])).toContain('created')
  })

  it('forgets at a reset', async () => {
    const dataDir = await folder()
    const before = await start({ dataDir })
    await before.create()
    await before.post('/__sim/reset')
    await before.simulator.close()
    expect((await start({ dataDir })).simulator.conversations()).toEqual([])
  })
})
