import { type Role, roles } from '../domain/identity.js'
import type { Route } from './route.js'

/** Who may call a route, as its definition says; rows are the database policies' matter beside it. */
export interface Permission {
  method: string
  path: string
  operationId: string
  /** Of a company's users. */
  roles: readonly Role[]
  /** The bearer of a token that names no company. */
  withoutCompany: boolean
  anonymous: boolean
  /** What an API key needs beside its role; `any`: nothing, false: no key may. */
  keyScope: Route['keyScope']
  /** Why no role is asked for, where a token is. */
  reason: string | undefined
}

/** The permissions of every route under each of its paths. */
export const permissionsOf = (routes: readonly Route[]): Permission[] =>
  routes.flatMap((route) => route.paths.map((path) => permissionOf(route, path)))

function permissionOf(route: Route, path: string): Permission {
  const { method, operationId, auth, keyScope, anyRole } = route
  const open = route.roles === undefined
  return {
    method: method.toUpperCase(),
    path,
    operationId,
    roles: route.roles ?? roles,
    withoutCompany: open,
    anonymous: open && auth !== 'required',
    keyScope: auth === 'none' ? 'any' : keyScope,
    reason: open && auth === 'required' ? anyRole : undefined,
  }
}

/** Routes on which nobody decided who may call: they need a token, and name neither roles nor why none. */
export const undecided = (routes: readonly Route[]): Route[] =>
  routes.filter(
    ({ auth, roles: named, anyRole }) =>
      (auth === 'required' && (named === undefined) === (anyRole === undefined)) ||
      (auth !== 'required' && named !== undefined) ||
      named?.length === 0,
  )
