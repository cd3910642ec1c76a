import { z } from 'zod'
import { NotFoundError } from '../../domain/errors.js'
import type { Services } from '../../services.js'
import { changed, changeHeaders, changeResponses, found, preconditionOf, readHeaders, readResponses } from '../etag.js'
import { iso, shownTime, timezoneField } from '../fields.js'
import { type Route, route } from '../route.js'

const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day, HH:MM')

const body = z
  .strictObject({
    timezone: timezoneField.nullable().meta({ description: 'null: the company’s own' }),
    from: time.nullable().meta({ description: 'Later than `to` where they last over midnight' }),
    to: time.nullable(),
  })
  .superRefine(({ from, to }, ctx) => {
    const say = (path: string, message: string) => ctx.addIssue({ code: 'custom', path: [path], message })
    if ((from === null) !== (to === null)) say('to', 'must be null together with from, or a time with it')
    else if (from !== null && from === to) say('to', 'must be another time than from; null for no quiet hours')
  })
  .meta({ id: 'QuietHoursReplacement', example: { timezone: 'America/New_York', from: '21:00', to: '08:00' } })

const schema = z
  .object({
    timezone: z.string().nullable(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    effective_timezone: z.string().meta({ description: 'The zone whose clocks count' }),
    updated_at: shownTime.nullable().meta({ description: 'null while nobody has set them, and the usual ones count' }),
  })
  .meta({
    id: 'QuietHours',
    example: {
      timezone: null,
      from: '21:00',
      to: '08:00',
      effective_timezone: 'America/New_York',
      updated_at: null,
    },
  })

type Setting = NonNullable<Awaited<ReturnType<Services['followUps']['quietHours']['find']>>>

const present = (row: Omit<Setting, 'revision'>): z.input<typeof schema> => ({
  timezone: row.timezone,
  from: row.from,
  to: row.to,
  effective_timezone: row.effectiveTimezone,
  updated_at: iso(row.updatedAt),
})

const common = { tags: ['follow-ups'], auth: 'required', path: '/quiet-hours', roles: ['leadership'] } as const
const unknown = () => new NotFoundError('no such company')

/** When no lead of the company is called or written to. */
export const quietHoursRoutes = ({ followUps: { quietHours } }: Pick<Services, 'followUps'>): Route[] => [
  route({
    ...common,
    method: 'get',
    operationId: 'getQuietHours',
    summary: 'When no lead of the company is called or written to',
    request: { headers: readHeaders },
    responses: readResponses('They', schema),
    handler: async ({ headers, actor }) => {
      const row = await quietHours.find(actor)
      if (!row) throw unknown()
      return found(row, present, headers)
    },
  }),
  route({
    ...common,
    method: 'put',
    operationId: 'replaceQuietHours',
    summary: 'Set the quiet hours; `from` and `to` null for none. What waits already looks again within an hour',
    request: { headers: changeHeaders, body },
    responses: changeResponses('As they are now', schema),
    handler: async ({ headers, body: wanted, actor }) => {
      const row = await quietHours.replace(actor, preconditionOf(headers), wanted)
      if (!row) throw unknown()
      return changed(row, present)
    },
  }),
]
