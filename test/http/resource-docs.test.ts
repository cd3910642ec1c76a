import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Resources, startResources } from './resource-harness.js'

interface Operation {
  operationId: string
  summary: string
  security: object[]
  'x-roles'?: string[]
  parameters?: { name: string; in: string; required?: boolean; schema: { enum?: string[]; default?: unknown } }[]
  requestBody?: { content: Record<string, { schema: { $ref?: string } }> }
  responses: Record<string, { headers?: object; content?: object }>
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, { example?: unknown }> }
}

let api: Resources
let document: Document
beforeAll(async () => {
  api = await startResources()
  document = (await request(api.app.url).get('/openapi.json')).body as Document
})
afterAll(() => api.stop())

const ours = () =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    /^\/(companies|users|leads|appointments|tasks|messages|calls)/.test(path)
      ? Object.entries(item).map(([method, operation]) => ({ path, method, operation }))
      : [],
  )

describe('the document of the resources @unit', () => {
  it('has every route, with who may call it', () => {
    const all = ['leadership', 'csr', 'rep']
    const roles = Object.fromEntries(
      ours().map(({ path, method, operation }) => [`${method} ${path}`, operation['x-roles']]),
    )
    const five = (path: string, writers: string[], removers: string[]) => ({
      [`get ${path}`]: all,
      [`post ${path}`]: writers,
      [`get ${path}/{id}`]: all,
      [`patch ${path}/{id}`]: writers,
      ...(removers.length > 0 ? { [`delete ${path}/{id}`]: removers } : {}),
    })
    expect(roles).toEqual({
      ...five('/users', ['leadership'], []),
      ...five('/leads', all, ['leadership', 'csr']),
      ...five('/appointments', all, ['leadership', 'csr']),
      ...five('/tasks', all, all),
      'get /companies/{id}': all,
      'put /companies/{id}': ['leadership'],
      'get /messages': all,
      'get /messages/{id}': all,
      'post /calls': all,
      'get /calls': all,
      'get /calls/{call_id}': all,
      'patch /calls/{call_id}': all,
    })
  })

  it('documents what each read, list and change takes and answers', () => {
    for (const { path, method, operation } of ours()) {
      const at = `${method} ${path}`
      const names = (operation.parameters ?? []).map(({ in: place, name }) => `${place} ${name}`)
      const statuses = Object.keys(operation.responses)
      if (method === 'get' && path.endsWith('}')) {
        expect(names, at).toContain('header if-none-match')
        expect(statuses, at).toEqual(expect.arrayContaining(['200', '304', '401', '403', '404', '422']))
      }
      if (method === 'get' && !path.endsWith('}')) {
        expect(names, at).toEqual(expect.arrayContaining(['query sort', 'query cursor', 'query limit']))
        const sort = operation.parameters?.find(({ name }) => name === 'sort')
        expect(sort?.schema.enum, at).toContain(sort?.schema.default)
      }
      if (['put', 'patch', 'delete'].includes(method)) {
        expect(names, at).toContain('header if-match')
        expect(statuses, at).toEqual(expect.arrayContaining(['404', '412', '428']))
      }
      for (const status of ['200', '201'])
        if (operation.responses[status] && !(method === 'get' && !path.endsWith('}')))
          expect(Object.keys(operation.responses[status].headers ?? {}), at).toContain('ETag')
    }
  })

  it('shows an example of everything that is sent and answered', () => {
    for (const name of [
      ...['Lead', 'NewLead', 'LeadChange', 'Appointment', 'NewAppointment', 'AppointmentChange'],
      ...['Task', 'NewTask', 'TaskChange', 'StaffMember', 'NewUser', 'UserChange'],
      ...['Company', 'CompanyReplacement', 'Message', 'CallChange'],
    ])
      expect(document.components.schemas[name]?.example, name).toBeDefined()
  })
})
