import { z } from 'zod'
import { type Actor, roles } from '../domain/identity.js'
import type { Services } from '../services.js'
import { changesSomething, emailField, iso, shownTime, textField } from './fields.js'
import { listQuery, pageRequest } from './listing.js'
import { hashPassword, newPassword } from './new-password.js'

export const staffBody = z
  .strictObject({
    email: emailField,
    display_name: textField(200),
    role: z.enum(roles),
    password: newPassword
      .optional()
      .meta({ description: 'Absent: an invitation, taken up by logging in at the identity provider with this email' }),
  })
  .meta({ id: 'NewUser', example: { email: 'rosa@acme.test', display_name: 'Rosa Rep', role: 'rep' } })

export const staffChange = z
  .strictObject({
    display_name: textField(200).optional(),
    role: z.enum(roles).optional(),
    disabled: z.boolean().optional().meta({ description: 'true ends its logins; nobody is ever removed' }),
  })
  .refine(...changesSomething)
  .meta({ id: 'UserChange', example: { role: 'csr' } })

const staffQuery = listQuery(
  {
    role: z.enum(roles).optional(),
    disabled: z.stringbool({ truthy: ['true'], falsy: ['false'], case: 'sensitive' }).optional(),
    name: textField(200).optional().meta({ description: 'How its name begins, in whatever case' }),
    email: emailField.optional(),
  },
  ['name', '-name', 'created_at', '-created_at'],
)

export const staffSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    display_name: z.string(),
    role: z.enum(roles),
    disabled_at: shownTime.nullable(),
    created_at: shownTime,
    updated_at: shownTime,
  })
  .meta({
    id: 'StaffMember',
    example: {
      id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d77',
      email: 'rosa@acme.test',
      display_name: 'Rosa Rep',
      role: 'rep',
      disabled_at: null,
      created_at: '2026-03-01T10:00:00.000Z',
      updated_at: '2026-03-01T10:00:00.000Z',
    },
  })

type StaffMember = Awaited<ReturnType<Services['staff']['list']>>['items'][number]

const presentStaff = (row: StaffMember): z.input<typeof staffSchema> => ({
  id: row.id,
  email: row.email,
  display_name: row.displayName,
  role: row.role,
  disabled_at: iso(row.disabledAt),
  created_at: iso(row.createdAt) ?? '',
  updated_at: iso(row.updatedAt) ?? '',
})

/** How a company's users are spoken of over HTTP; leadership makes and changes them. */
export const staffApi = {
  what: 'a user',
  name: 'User',
  path: '/users',
  tag: 'users',
  summaries: {
    list: 'The users of the company, by name',
    create: 'Make a user, or invite one by leaving the password out',
    change: 'Change a user’s name or role, disable or enable it',
  },
  query: staffQuery,
  requestOf: (query: z.output<typeof staffQuery>) => pageRequest(query),
  body: staffBody,
  changeBody: staffChange,
  schema: staffSchema,
  present: presentStaff,
  fieldsOfNew: async (_actor: Actor, { display_name: displayName, password, ...body }: z.output<typeof staffBody>) => ({
    ...body,
    displayName,
    ...(password === undefined ? {} : { passwordHash: await hashPassword(password) }),
  }),
  fieldsOfChange: (_actor: Actor, { display_name: displayName, disabled, role }: z.output<typeof staffChange>) => ({
    displayName,
    role,
    disabledAt: disabled === undefined ? undefined : disabled ? new Date() : null,
  }),
  writers: ['leadership'] as const,
  conflict: 'The email is taken, or the company would be left without active leadership',
}
