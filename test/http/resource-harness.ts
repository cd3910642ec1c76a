import { callRoutes } from '../../src/http/routes/calls.js'
import { companyRoutes } from '../../src/http/routes/companies.js'
import { messageRoutes } from '../../src/http/routes/messages.js'
import { companyResourceRoutes } from '../../src/http/routes/resources.js'
import { createAppointmentStore } from '../../src/store/appointments.js'
import { createCallStore } from '../../src/store/calls.js'
import { createCompanyStore } from '../../src/store/companies.js'
import { createLeadStore } from '../../src/store/leads.js'
import { createMessageStore } from '../../src/store/messages.js'
import { createStaffStore } from '../../src/store/staff.js'
import { createTaskStore } from '../../src/store/tasks.js'
import { actors, createWorld } from '../store/world.js'
import { type Answer, call } from '../support/client.js'
import { startApp, tokenFor } from './harness.js'

export type Who = keyof typeof actors

/** The routes of companies, users, leads, appointments, tasks, calls and messages upon a database of their own. */
export async function startResources() {
  const world = await createWorld({ poolSize: 12 })
  const { database } = world
  const stores = {
    staff: createStaffStore(database),
    companies: createCompanyStore(database),
    leads: createLeadStore(database),
    appointments: createAppointmentStore(database),
    tasks: createTaskStore(database),
    messages: createMessageStore(database),
    calls: createCallStore(database),
  }
  const app = await startApp({
    routes: [
      ...companyResourceRoutes(stores),
      ...companyRoutes(stores),
      ...messageRoutes(stores),
      ...callRoutes(stores),
    ],
  })
  const tokens: Record<string, string> = {}
  for (const [name, { tenantId, userId, role }] of Object.entries(actors))
    tokens[name] = await tokenFor({ sub: userId, company_id: tenantId, role })

  const ask = (who: Who, method: string, path: string, body?: object, headers: Record<string, string> = {}) =>
    call(`${app.url}${path}`, { method, token: tokens[who], body, headers })
  const etagOf = (answer: Answer) => answer.headers.get('etag') ?? ''

  return {
    world,
    app,
    stores,
    ask,
    etagOf,
    get: (who: Who, path: string, headers?: Record<string, string>) => ask(who, 'GET', path, undefined, headers),
    post: (who: Who, path: string, body: object) => ask(who, 'POST', path, body),
    /** With the ETag that holds, or another one. */
    async patch(who: Who, path: string, body: object, etag?: string): Promise<Answer> {
      return await ask(who, 'PATCH', path, body, { 'if-match': etag ?? etagOf(await ask(who, 'GET', path)) })
    },
    /** Whatever state it is in. */
    remove: (who: Who, path: string) => ask(who, 'DELETE', path, undefined, { 'if-match': '*' }),
    /** The log since the last time. */
    async events(): Promise<Record<string, unknown>[]> {
      const rows = await world.admin<Record<string, unknown>>(
        `with gone as (delete from event_logs returning *)
         select event, tenant_id, user_id, lead_id, data, trace_id from gone order by id`,
      )
      return rows
    },
    async stop() {
      await app.stop()
      await world.close()
    },
  }
}

export type Resources = Awaited<ReturnType<typeof startResources>>

export const pointersOf = ({ body }: Answer) =>
  ((body as { errors?: { pointer: string }[] }).errors ?? []).map(({ pointer }) => pointer).sort()
