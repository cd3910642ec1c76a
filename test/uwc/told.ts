import { callOf } from '../store/partner-rows.js'
import { acme } from '../store/world.js'
import { eventually } from '../support/client.js'
import type { Partnered } from './harness.js'

/** A job that the partner does at once, on an installation that would not ask for it within an hour. */
export async function beginJob(partnered: Partnered) {
  const call_id = await callOf(partnered, acme)
  const { body } = await partnered.post('/api/uwc/analysis', { call_id })
  return { id: body.id as string, requestId: body.request_id as string, call_id }
}

/** The drain would wake by itself, but later than a test wants to wait; not so often that it does nothing else. */
const wakeEveryMs = 2000

/** Until the workflow of a job is over; the drain is woken meanwhile. @returns the names of the signals that it was told by */
export async function closedWith(partnered: Partnered, requestId: string): Promise<string[]> {
  const { uwc, standing } = partnered.application.services
  const handle = uwc.workflowOf('analysis', requestId)
  let nextWake = 0
  await eventually(
    async () => {
      if (Date.now() > nextWake) {
        nextWake = Date.now() + wakeEveryMs
        await standing.wakeDrain().catch(() => undefined)
      }
      return (await handle.describe()).status.name
    },
    (name) => name === 'COMPLETED',
    90_000,
  )
  const { events = [] } = await handle.fetchHistory()
  return (events ?? []).flatMap((event) => event.workflowExecutionSignaledEventAttributes?.signalName ?? [])
}
