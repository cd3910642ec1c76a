import { z } from 'zod'
import { NotFoundError } from '../domain/errors.js'
import { type Actor, type Role, roles } from '../domain/identity.js'
import type { Page, PageRequest, Precondition, Revised } from '../domain/page.js'
import type { Author, Once } from '../domain/resource.js'
import {
  changed,
  changeHeaders,
  changeResponses,
  created,
  createdResponse,
  found,
  preconditionOf,
  readHeaders,
  readResponses,
  refusedChange,
} from './etag.js'
import { idField } from './fields.js'
import { pageSchema, presentPage } from './listing.js'
import { onceHeaders } from './once.js'
import { type Route, route } from './route.js'

interface Store<Row, Fields, Filter> {
  list(actor: Actor, request: PageRequest<Filter>): Promise<Page<Row>>
  find(actor: Actor, id: string): Promise<Revised<Row> | undefined>
  createOnce<A>(author: Author, fields: Fields, once: Once<Revised<Row>, A>): Promise<A>
  change(author: Author, id: string, precondition: Precondition, change: Fields): Promise<Revised<Row> | undefined>
  remove?(author: Author, id: string, precondition: Precondition): Promise<boolean>
}

/** How the rows of a store are spoken of over HTTP. */
export interface ResourceApi<Row extends { id: string }, Fields, Filter, Query, New, Change, Shown> {
  /** With its article, as refusals say it: "a lead". */
  what: string
  /** In operation ids and schemas: "Lead". */
  name: string
  path: string
  tag: string
  summaries: { list: string; create: string; change: string; remove?: string }
  description?: string
  store: Store<Row, Fields, Filter>
  query: z.ZodType<Query>
  requestOf: (query: Query) => PageRequest<Filter>
  body: z.ZodType<New>
  changeBody: z.ZodType<Change>
  schema: z.ZodType<Shown, Shown>
  present: (row: Row) => Shown
  /** The fields of a new one; throws what its author may not. */
  fieldsOfNew: (actor: Actor, body: New) => Fields | Promise<Fields>
  fieldsOfChange: (actor: Actor, change: Change) => Fields
  /** Who makes and changes them; all roles unless said. */
  writers?: readonly Role[]
  /** Who removes them, where they can be removed. */
  removers?: readonly Role[]
  /** What a 409 says, where there can be one. */
  conflict?: string
}

/** The five routes of a resource: list, make, read, change, remove. */
export function resourceRoutes<Row extends { id: string }, Fields, Filter, Query, New, Change, Shown>(
  api: ResourceApi<Row, Fields, Filter, Query, New, Change, Shown>,
): Route[] {
  const { what, name, path, tag, summaries, description, store, schema, present, writers = roles, removers } = api
  const common = { tags: [tag], auth: 'required' } as const
  const onePath = `${path}/:id`
  const params = z.object({ id: idField(what) })
  const unknown = () => new NotFoundError(`no such ${what.replace(/^an? /, '')}`)
  const conflict = api.conflict === undefined ? {} : { 409: { description: api.conflict } }
  const { remove } = store

  const routes = [
    route({
      ...common,
      method: 'get',
      path,
      operationId: `list${name}s`,
      summary: summaries.list,
      ...(description === undefined ? {} : { description }),
      roles,
      request: { query: api.query },
      responses: { 200: { description: 'A page', schema: pageSchema(name, schema) } },
      handler: async ({ query, actor }) => presentPage(await store.list(actor, api.requestOf(query)), present),
    }),
    route({
      ...common,
      method: 'post',
      path,
      operationId: `create${name}`,
      summary: summaries.create,
      roles: writers,
      request: { headers: onceHeaders, body: api.body },
      responses: withConflict({ 201: createdResponse(schema) }),
      handler: async ({ body, actor, traceId, keyed }) => {
        const answerOf = (row: Revised<Row>) => created(row, present, `${path}/${row.id}`)
        return await store.createOnce({ ...actor, traceId }, await api.fieldsOfNew(actor, body), { keyed, answerOf })
      },
    }),
    route({
      ...common,
      method: 'get',
      path: onePath,
      operationId: `get${name}`,
      summary: `One ${what.replace(/^an? /, '')}`,
      roles,
      request: { params, headers: readHeaders },
      responses: readResponses('It', schema),
      handler: async ({ params: { id }, headers, actor }) => {
        const row = await store.find(actor, id)
        if (!row) throw unknown()
        return found(row, present, headers)
      },
    }),
    route({
      ...common,
      method: 'patch',
      path: onePath,
      operationId: `change${name}`,
      summary: summaries.change,
      roles: writers,
      request: { params, headers: changeHeaders, body: api.changeBody },
      responses: withConflict(changeResponses('As it is now', schema)),
      handler: async ({ params: { id }, headers, body, actor, traceId }) => {
        const precondition = preconditionOf(headers)
        const row = await store.change({ ...actor, traceId }, id, precondition, api.fieldsOfChange(actor, body))
        if (!row) throw unknown()
        return changed(row, present)
      },
    }),
  ]
  if (remove && removers)
    routes.push(
      route({
        ...common,
        method: 'delete',
        path: onePath,
        operationId: `remove${name}`,
        summary: summaries.remove ?? `Remove ${what}`,
        roles: removers,
        request: { params, headers: changeHeaders },
        responses: { 204: { description: 'Removed' }, ...refusedChange },
        handler: async ({ params: { id }, headers, actor, traceId }) => {
          if (!(await remove({ ...actor, traceId }, id, preconditionOf(headers)))) throw unknown()
          return { status: 204 }
        },
      }),
    )
  return routes

  /** A conflict is thrown, never answered by a handler, so that its type may leave it out. */
  function withConflict<R extends object>(responses: R): R {
    return { ...responses, ...conflict }
  }
}
