import type { z } from 'zod'
import { type Actor, roles } from '../domain/identity.js'
import type { Precondition, Revised } from '../domain/page.js'
import {
  changed,
  changeHeaders,
  changeResponses,
  found,
  preconditionOf,
  readHeaders,
  readResponses,
  refusedChange,
} from './etag.js'
import { type Route, route } from './route.js'

interface Store<Row, Document> {
  find(actor: Actor): Promise<Revised<Row>>
  replace(actor: Actor, precondition: Precondition, document: Document): Promise<Revised<Row>>
  remove(actor: Actor, precondition: Precondition): Promise<void>
}

/** How a document that each user has once is spoken of over HTTP. */
export interface OwnDocumentApi<Row extends object, Document, Body, Shown> {
  /** In operation ids: "MyProfile". */
  name: string
  path: string
  /** In sentences: "what I said of myself". */
  what: string
  store: Store<Row, Document>
  body: z.ZodType<Body>
  schema: z.ZodType<Shown, Shown>
  documentOf: (body: Body) => Document
  present: (row: Row) => Shown
}

/** The caller's own, whoever that is: no route takes another user's id, and no key of a server has any. */
export const ownRoute = { tags: ['mentor'], auth: 'required', roles, keyScope: false } as const

/** Reads, replaces and empties the caller's own document. */
export function ownDocumentRoutes<Row extends object, Document, Body, Shown>(
  api: OwnDocumentApi<Row, Document, Body, Shown>,
): Route[] {
  const { name, path, what, store, body, schema, documentOf, present } = api
  return [
    route({
      ...ownRoute,
      method: 'get',
      path,
      operationId: `get${name}`,
      summary: `Read ${what}; empty until it is written`,
      request: { headers: readHeaders },
      responses: readResponses('As it is', schema),
      handler: async ({ headers, actor }) => found(await store.find(actor), present, headers),
    }),
    route({
      ...ownRoute,
      method: 'put',
      path,
      operationId: `replace${name}`,
      summary: `Replace ${what}; what is left out is empty then`,
      request: { headers: changeHeaders, body },
      responses: changeResponses('As it is now', schema),
      handler: async ({ headers, body: given, actor }) =>
        changed(await store.replace(actor, preconditionOf(headers), documentOf(given)), present),
    }),
    route({
      ...ownRoute,
      method: 'delete',
      path,
      operationId: `remove${name}`,
      summary: `Remove ${what} for good`,
      request: { headers: changeHeaders },
      responses: { 204: { description: 'Empty' }, ...refusedChange },
      handler: async ({ headers, actor }) => {
        await store.remove(actor, preconditionOf(headers))
        return { status: 204 }
      },
    }),
  ]
}
