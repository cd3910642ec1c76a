import Router from '@koa/router'
import { z } from 'zod'
import { parse } from '../invalid.js'
import { callResults, messageResults, type TelephonyTruth } from './truth.js'

const habit = z
  .strictObject({ number: z.string().min(3).max(20), sms: z.enum(messageResults), call: z.enum(callResults) })
  .partial({ sms: true, call: true })

/** Who was reached, and how a person takes what comes. */
export function telephonyControlRoutes(people: TelephonyTruth): Router {
  const router = new Router({ prefix: '/__sim/people' })
  router.get('/', (ctx) => {
    ctx.body = {
      people: people.people(),
      messages: people.messages().map(({ kind: _kind, ...message }) => message),
      calls: people.calls().map(({ kind: _kind, ...call }) => call),
    }
  })
  router.post('/', (ctx) => {
    const { number, sms, call } = parse(habit, ctx.request.body)
    people.setHabit(number, { ...(sms && { sms }), ...(call && { call }) })
    ctx.body = { number, ...people.habitOf(number) }
  })
  return router
}
