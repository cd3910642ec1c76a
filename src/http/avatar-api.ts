import { z } from 'zod'
import type { Actor } from '../domain/identity.js'
import type { Avatar } from '../domain/personal-context.js'
import { changesSomething, iso, shownTime, textField } from './fields.js'
import { listQuery, pageRequest } from './listing.js'

const fields = {
  name: textField(200),
  description: textField(2000).nullable(),
  persona_id: textField(200).nullable().meta({ description: 'At the provider; absent: the installation’s' }),
  replica_id: textField(200).nullable().meta({ description: 'At the provider; absent: the persona’s' }),
  language: textField(60).nullable(),
  image_url: z
    .url({ protocol: /^https$/, error: 'must be an https address' })
    .max(2000)
    .nullable(),
  active: z.boolean().meta({ description: 'false: not offered any more, and speaks for nobody' }),
  metadata: z
    .record(z.string().max(200), z.unknown())
    .refine((value) => JSON.stringify(value).length <= 16_384, 'must be at most 16 KiB of JSON'),
}
const optional = z.object(fields).partial().shape

const avatarBody = z
  .strictObject({ ...optional, name: fields.name })
  .meta({ id: 'NewAvatar', example: { name: 'Amara', persona_id: 'p1234567', replica_id: 'r1234567' } })
const avatarChange = z
  .strictObject(optional)
  .refine(...changesSomething)
  .meta({ id: 'AvatarChange', example: { active: false } })

const avatarQuery = listQuery({ active: z.stringbool({ truthy: ['true'], falsy: ['false'] }).optional() }, [
  '-created_at',
  'created_at',
])

const avatarSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    persona_id: z.string().nullable(),
    replica_id: z.string().nullable(),
    language: z.string().nullable(),
    image_url: z.string().nullable(),
    active: z.boolean(),
    metadata: z.record(z.string(), z.unknown()),
    created_at: shownTime,
    updated_at: shownTime,
  })
  .meta({ id: 'Avatar' })

const presentAvatar = (row: Avatar): z.input<typeof avatarSchema> => ({
  id: row.id,
  name: row.name,
  description: row.description,
  persona_id: row.personaId,
  replica_id: row.replicaId,
  language: row.language,
  image_url: row.imageUrl,
  active: row.active,
  metadata: row.metadata,
  created_at: iso(row.createdAt) ?? '',
  updated_at: iso(row.updatedAt) ?? '',
})

const fieldsOf = (_actor: Actor, change: z.output<typeof avatarChange>) => {
  const { persona_id: personaId, replica_id: replicaId, image_url: imageUrl, ...rest } = change
  return { ...rest, personaId, replicaId, imageUrl }
}

/** How avatars are spoken of over HTTP. */
export const avatarApi = {
  what: 'an avatar',
  name: 'Avatar',
  path: '/mentor/avatars',
  tag: 'mentor',
  summaries: {
    list: 'The avatars that the company offers',
    create: 'Offer an avatar',
    change: 'Change an avatar; absent fields stay, null takes a value away',
    remove: 'Remove an avatar; whoever had chosen it has none then',
  },
  query: avatarQuery,
  requestOf: (query: z.output<typeof avatarQuery>) => pageRequest(query),
  body: avatarBody,
  changeBody: avatarChange,
  schema: avatarSchema,
  present: presentAvatar,
  fieldsOfNew: fieldsOf,
  fieldsOfChange: fieldsOf,
  writers: ['leadership'] as const,
  removers: ['leadership'] as const,
}
