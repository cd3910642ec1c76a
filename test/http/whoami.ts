import { z } from 'zod'
import { type KeyScope, type RouteAuth, route } from '../../src/http/route.js'

/** A route that answers whom it takes the caller for. */
export const whoami = (auth: RouteAuth, more: { keyScope?: KeyScope } = {}) =>
  route({
    ...more,
    method: 'get',
    path: `/who/${auth}`,
    operationId: `who_${auth}`,
    summary: 'Who calls',
    tags: ['test'],
    auth,
    responses: { 200: { description: 'Who', schema: z.object({ caller: z.unknown() }) } },
    handler: ({ caller }) => ({ status: 200, body: { caller: caller ?? null } }),
  })

/** A route of a company. */
export const whoseCompany = route({
  method: 'get',
  path: '/company',
  operationId: 'company',
  summary: 'Which company',
  tags: ['test'],
  auth: 'required',
  roles: ['leadership', 'csr', 'rep'],
  responses: { 200: { description: 'It', schema: z.object({ actor: z.unknown() }) } },
  handler: ({ actor }) => ({ status: 200, body: { actor } }),
})
