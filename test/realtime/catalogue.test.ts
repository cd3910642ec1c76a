import { describe, expect, it } from 'vitest'
import { eventNames } from '../../src/domain/event.js'
import { catalogue } from '../../src/realtime/catalogue.js'

/** As the specification of realtime lists them. */
const specified = [
  'telephony.call.received',
  'telephony.call.status',
  'telephony.call.completed',
  'telephony.sms.received',
  'telephony.sms.sent',
  'system.webhook.processed',
  'system.buffer_dropped',
  'worker.task.finished',
  'worker.task.failed',
  'identity.user.created',
  'identity.user.updated',
  'task.updated',
  'appointment.assigned',
  'analytics.daily_recap.ready',
  'session.started',
  'session.ended',
  'session.transcript.ready',
  'session.recording.ready',
]

describe('the catalogue of events @unit', () => {
  it('has every event of the specification, and every one that the log may hold', () => {
    expect(specified.filter((name) => !Object.hasOwn(catalogue, name))).toEqual([])
    expect(Object.keys(catalogue).sort()).toEqual([...eventNames].sort())
  })

  it.each(eventNames)('has an example of %s that is one', (name) => {
    const { data, example } = catalogue[name]
    expect(data.parse(example)).toEqual(example)
  })
})
