import { z } from 'zod'
import { NotFoundError } from '../../domain/errors.js'
import { roles } from '../../domain/identity.js'
import type { Services } from '../../services.js'
import { changed, changeHeaders, changeResponses, found, preconditionOf, readHeaders, readResponses } from '../etag.js'
import { idField, iso, shownTime, textField } from '../fields.js'
import { requireTenantOwnership } from '../ownership.js'
import { type Route, route } from '../route.js'
import { timezoneField } from '../timezone-field.js'

const companyBody = z
  .strictObject({ name: textField(200), timezone: timezoneField })
  .meta({ id: 'CompanyReplacement', example: { name: 'Acme Genetics', timezone: 'Europe/Berlin' } })

const companySchema = z
  .object({ id: z.string(), name: z.string(), timezone: z.string(), created_at: shownTime, updated_at: shownTime })
  .meta({
    id: 'Company',
    example: {
      id: '0199a3c2-6d1e-7000-8000-000000000001',
      name: 'Acme Genetics',
      timezone: 'Europe/Berlin',
      created_at: '2026-03-01T10:00:00.000Z',
      updated_at: '2026-03-01T10:00:00.000Z',
    },
  })

type Company = NonNullable<Awaited<ReturnType<Services['companies']['find']>>>

const presentCompany = (row: Omit<Company, 'revision'>): z.input<typeof companySchema> => ({
  id: row.id,
  name: row.name,
  timezone: row.timezone,
  created_at: iso(row.createdAt) ?? '',
  updated_at: iso(row.updatedAt) ?? '',
})

const common = { tags: ['companies'], auth: 'required' } as const
const params = z.object({ id: idField('a company') })
const unknown = () => new NotFoundError('no such company')

/** The caller's own company; any other is not found. */
export const companyRoutes = ({ companies }: Pick<Services, 'companies'>): Route[] => [
  route({
    ...common,
    method: 'get',
    path: '/companies/:id',
    operationId: 'getCompany',
    summary: 'The caller’s company',
    roles,
    request: { params, headers: readHeaders },
    responses: readResponses('It', companySchema),
    handler: async ({ params: { id }, headers, actor }) => {
      requireTenantOwnership(actor, id)
      const row = await companies.find(actor, id)
      if (!row) throw unknown()
      return found(row, presentCompany, headers)
    },
  }),
  route({
    ...common,
    method: 'put',
    path: '/companies/:id',
    operationId: 'replaceCompany',
    summary: 'Replace what is said of the company',
    roles: ['leadership'],
    request: { params, headers: changeHeaders, body: companyBody },
    responses: changeResponses('As it is now', companySchema),
    handler: async ({ params: { id }, headers, body, actor, traceId }) => {
      requireTenantOwnership(actor, id)
      const row = await companies.change({ ...actor, traceId }, id, preconditionOf(headers), body)
      if (!row) throw unknown()
      return changed(row, presentCompany)
    },
  }),
]
