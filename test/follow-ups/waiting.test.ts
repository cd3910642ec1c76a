import { afterEach, describe, expect, it } from 'vitest'
import type { Draft } from '../../src/domain/follow-up-draft.js'
import { followUpWorkflowId } from '../../workflows/messages.js'
import { acme } from '../store/world.js'
import { eventually } from '../webhooks/harness.js'
import { type FollowUpOptions, type FollowUpWorld, leads, phoneOf, startFollowUps } from './harness.js'

let world: FollowUpWorld | undefined
afterEach(async () => {
  await world?.close()
  world = undefined
})
const start = async (options: FollowUpOptions = {}) => (world = await startFollowUps(options))

const sms = { channel: 'sms', lead_id: leads.ofRep, message: 'Shall we talk on Thursday?' }
const quietAtNight = (to: string) =>
  [
    `update quiet_hours set timezone = 'Europe/Berlin', quiet_from = '21:00', quiet_to = $2 where tenant_id = $1`,
    [acme, to],
  ] as const

describe('quiet hours @integration', () => {
  it('hold a follow-up over midnight and a change of the clocks, and let it go at their end', async () => {
    // Berlin in the night in which the clocks go forward: 23:00 on 28 March is 22:00 UTC, 08:00 is 06:00 UTC.
    let clock = Date.parse('2026-03-28T22:00:00Z')
    const { post, admin, row, reachedFor, until, engine } = await start({ now: () => clock })
    await admin(...([quietAtNight('08:00')[0], [...quietAtNight('08:00')[1]]] as [string, unknown[]]))
    const { body } = await post('acmeRep', sms)
    const waits = await eventually(async () => ((await row(body.id))?.waits_until as Date | null) ?? undefined)
    expect(waits.toISOString()).toBe('2026-03-29T06:00:00.000Z')
    expect(await row(body.id)).toMatchObject({ status: 'scheduled', attempts: 0 })
    expect(reachedFor(body.id)).toEqual([])
    clock = Date.parse('2026-03-29T06:00:00Z')
    await engine.client.workflow.getHandle(followUpWorkflowId(body.id)).signal('followUpChanged')
    await until(body.id, ['completed'])
    expect(reachedFor(body.id)).toHaveLength(1)
  })

  it('also hold what is tried again', async () => {
    let clock = Date.parse('2026-03-28T19:59:00Z')
    const { post, admin, row, reachedFor, simulator } = await start({ now: () => clock })
    await admin(...([quietAtNight('08:00')[0], [...quietAtNight('08:00')[1]]] as [string, unknown[]]))
    simulator.faults.add({ operation: 'sms_create', kind: 'status', status: 429, retry_after: 1, times: 1 })
    const { body } = await post('acmeRep', sms)
    await eventually(async () => (await row(body.id))?.attempts === 1)
    clock = Date.parse('2026-03-28T20:00:00Z')
    const waits = await eventually(async () => {
      const at = (await row(body.id))?.waits_until as Date | null
      return at?.toISOString() === '2026-03-29T06:00:00.000Z' ? at : undefined
    })
    expect(waits).toBeDefined()
    expect(reachedFor(body.id)).toEqual([])
  })
})

describe('a follow-up that waits @integration', () => {
  it('is not sent once it is called off, and its workflow ends', async () => {
    const { post, ask, row, reachedFor, engine } = await start()
    const { body } = await post('acmeRep', { ...sms, not_before: new Date(Date.now() + 3_600_000).toISOString() })
    await eventually(async () => ((await row(body.id))?.waits_until ? true : undefined))
    expect((await ask('acmeRep', 'POST', `/follow-ups/${body.id}/cancel`)).status).toBe(200)
    await engine.client.workflow.getHandle(followUpWorkflowId(body.id)).result()
    expect(await row(body.id)).toMatchObject({ status: 'cancelled', attempts: 0 })
    expect(reachedFor(body.id)).toEqual([])
  })

  it('is called off with its workflow', async () => {
    const { post, row, engine, until } = await start()
    const { body } = await post('acmeRep', { ...sms, not_before: new Date(Date.now() + 3_600_000).toISOString() })
    await eventually(async () => ((await row(body.id))?.waits_until ? true : undefined))
    await engine.client.workflow.getHandle(followUpWorkflowId(body.id)).cancel()
    expect(await until(body.id, ['cancelled'])).toMatchObject({ attempts: 0 })
  })

  it('goes to the number that its lead has by then, and fails when there is none', async () => {
    const { post, row, admin, engine, until, reachedFor } = await start()
    const wait = async (lead_id: string) => {
      const not_before = new Date(Date.now() + 3_600_000).toISOString()
      const { body } = await post('acmeLead', { ...sms, lead_id, not_before })
      await eventually(async () => ((await row(body.id))?.waits_until ? true : undefined))
      return body.id as string
    }
    const [moved, lost] = [await wait(leads.ofRep), await wait(leads.ofRep2)]
    await admin(`update leads set phone = '+14155550199' where id = $1`, [leads.ofRep])
    await admin('update leads set phone = null where id = $1', [leads.ofRep2])
    await admin('update follow_ups set not_before = null')
    for (const id of [moved, lost])
      await engine.client.workflow.getHandle(followUpWorkflowId(id)).signal('followUpChanged')
    await until(moved, ['completed'])
    expect(reachedFor(moved)).toMatchObject([{ to: '+14155550199' }])
    expect(await until(lost, ['failed'])).toMatchObject({ reason: 'no_number', attempts: 0 })
  })

  it('is kept apart from another one to the same number, whoever’s lead it is', async () => {
    const { post, row, admin, until, reachedFor, engine } = await start({ gapMs: 600_000 })
    await admin('update leads set phone = $1 where id = $2', [phoneOf.ofRep, leads.ofRep2])
    const first = await post('acmeRep', sms)
    await until(first.body.id, ['completed'])
    const later = new Date(Date.now() + 1_200_000).toISOString()
    const second = await post('acmeRep2', { ...sms, lead_id: leads.ofRep2, not_before: later })
    expect(second.status).toBe(201)
    await eventually(async () => ((await row(second.body.id))?.waits_until ? true : undefined))
    await admin('update follow_ups set not_before = null, waits_until = null where id = $1', [second.body.id])
    await engine.client.workflow.getHandle(followUpWorkflowId(second.body.id)).signal('followUpChanged')
    await eventually(async () => ((await row(second.body.id))?.waits_until ? true : undefined))
    expect(await row(second.body.id)).toMatchObject({ status: 'scheduled', attempts: 0 })
    expect(reachedFor(second.body.id)).toEqual([])
  })

  it('that no workflow was started for is found by the sweep', async () => {
    const { post, admin, services, until, reachedFor, engine, queue } = await start()
    const { body } = await post('acmeRep', { ...sms, not_before: new Date(Date.now() + 3_600_000).toISOString() })
    await engine.client.workflow.getHandle(followUpWorkflowId(body.id)).terminate('never happened')
    const id = '0192a000-0000-7000-8000-00000000f001'
    await admin(
      `update follow_ups set id = $2, not_before = null, begun_at = null, created_at = now() - interval '1 minute'
      where id = $1`,
      [body.id, id],
    )
    const { createFollowUpActivities } = await import('../../activities/follow-ups.js')
    const { sweepFollowUps } = createFollowUpActivities(services.activityDeps)
    expect(queue).toBeTruthy()
    expect(await sweepFollowUps()).toEqual({ started: 1 })
    await until(id, ['completed'])
    expect(reachedFor(id)).toHaveLength(1)
    expect(await sweepFollowUps()).toEqual({ started: 0 })
  })
})

describe('a draft @integration', () => {
  const drafted = (answers: Draft[]) => {
    const asked: unknown[] = []
    return {
      asked,
      enabled: true,
      request: (request: object) => {
        asked.push(request)
        return Promise.resolve(answers.length > 1 ? (answers.shift() as Draft) : (answers[0] as Draft))
      },
    }
  }
  const wanted = { channel: 'sms', lead_id: leads.ofRep, draft: true }

  it('is waited for, and sent as the partner wrote it', async () => {
    const drafts = drafted([{ state: 'pending' }, { state: 'pending' }, { state: 'ready', text: '  Dear Grace  ' }])
    const { post, until, reachedFor } = await start({ drafts })
    const { body } = await post('acmeRep', wanted)
    expect(body.text).toBeNull()
    expect(await until(body.id, ['completed'])).toMatchObject({ body: 'Dear Grace', draft: true })
    expect(reachedFor(body.id)).toMatchObject([{ body: 'Dear Grace' }])
    expect(drafts.asked[0]).toEqual({ tenantId: acme, requestId: body.id, leadId: leads.ofRep, channel: 'sms' })
  })

  it.each([[{ state: 'failed' as const }], [{ state: 'ready' as const, text: ' ' }]])(
    'that is %j fails the follow-up, and nothing is sent',
    async (answer) => {
      const { post, until, reachedFor } = await start({ drafts: drafted([answer]) })
      const { body } = await post('acmeRep', wanted)
      expect(await until(body.id, ['failed'])).toMatchObject({ reason: 'draft_failed', attempts: 0 })
      expect(reachedFor(body.id)).toEqual([])
    },
  )
})
