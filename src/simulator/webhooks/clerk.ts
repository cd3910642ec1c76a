import { z } from 'zod'
import { type OutgoingWebhook, type Script, type ScriptContext, shuffled, spread } from './event.js'
import { plainId } from './ids.js'

const id = z.string().min(1).max(200)

/** POST /__sim/webhooks/clerk: an organisation with its first member, or a user's coming, changing and going. */
export const clerkSchema = z.strictObject({
  organization_id: id.optional(),
  organization_name: z.string().min(1).max(200).default('Simulated Organisation'),
  user_id: id.optional(),
  email: z.email().nullable().optional(),
  first_name: z.string().max(100).default('Ada'),
  last_name: z.string().max(100).default('Example'),
  role: z.string().max(100).default('org:member'),
  /** In this order; shuffle sends them in another. */
  events: z
    .array(
      z.enum([
        ...(['user.created', 'user.updated', 'user.deleted'] as const),
        ...(['organization.created', 'organization.updated', 'organization.deleted'] as const),
        ...(['organizationMembership.created', 'organizationMembership.updated'] as const),
        'organizationMembership.deleted',
        'session.created',
      ]),
    )
    .min(1)
    .max(50)
    .default(['user.created', 'organizationMembership.created', 'user.updated']),
  shuffle: z.boolean().default(false),
  span_ms: z.number().min(0).max(600_000).default(1000),
})
type Input = z.output<typeof clerkSchema>

interface Person {
  userId: string
  organizationId: string
  createdAt: number
}

/** Events as Clerk writes them; each later one of an entity has the later updated_at. */
export function clerkScript(input: Input, { now, random, accounts }: ScriptContext): Script {
  const person: Person = {
    userId: input.user_id ?? plainId('user_', 26),
    organizationId: input.organization_id ?? accounts.clerkOrganization,
    createdAt: now - 60_000,
  }
  const membershipId = plainId('orgmem_', 26)
  const webhooks = input.events.map((type, index) => {
    const at = now + index
    return webhook(type, { at, ...dataOf(type, { input, person, membershipId, at }) })
  })
  const steps = spread(input.span_ms, webhooks)
  return { steps: input.shuffle ? shuffled(steps, random) : steps, subjects: [] }
}

interface Told {
  input: Input
  person: Person
  membershipId: string
  at: number
}

function dataOf(type: string, told: Told): { data: Record<string, unknown> } {
  const [entity = '', action] = type.split('.')
  const { person } = told
  if (entity === 'session') return { data: session(person, told.at) }
  if (entity === 'organizationMembership') return { data: membership(told) }
  const entityId = entity === 'user' ? person.userId : person.organizationId
  if (action === 'deleted') return { data: { id: entityId, object: entity, deleted: true } }
  return { data: entity === 'user' ? user(told) : organization(told) }
}

function user({ input, person, at }: Told): Record<string, unknown> {
  const email = emailOf(input, person)
  const verification = { status: 'verified', strategy: 'email_code', attempts: 1, expire_at: at - 1000 }
  const address = { id: 'idn_01', object: 'email_address', email_address: email, verification, linked_to: [] }
  return {
    id: person.userId,
    object: 'user',
    username: null,
    first_name: input.first_name,
    last_name: input.last_name,
    image_url: 'https://img.clerk.com/simulated',
    has_image: false,
    primary_email_address_id: email === null ? null : 'idn_01',
    primary_phone_number_id: null,
    primary_web3_wallet_id: null,
    password_enabled: true,
    two_factor_enabled: false,
    totp_enabled: false,
    backup_code_enabled: false,
    email_addresses: email === null ? [] : [address],
    phone_numbers: [],
    web3_wallets: [],
    external_accounts: [],
    public_metadata: {},
    private_metadata: { crm: 'not for others' },
    unsafe_metadata: {},
    external_id: null,
    last_sign_in_at: null,
    banned: false,
    locked: false,
    created_at: person.createdAt,
    updated_at: at,
  }
}

const emailOf = (input: Input, { userId }: Person) =>
  input.email === undefined ? `${userId.toLowerCase()}@example.com` : input.email

const organization = ({ input, person, at }: Told): Record<string, unknown> => ({
  id: person.organizationId,
  object: 'organization',
  name: input.organization_name,
  slug: input.organization_name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'),
  image_url: 'https://img.clerk.com/simulated',
  has_image: false,
  max_allowed_memberships: 5,
  admin_delete_enabled: true,
  public_metadata: {},
  private_metadata: {},
  created_by: person.userId,
  created_at: person.createdAt,
  updated_at: at,
})

const membership = (told: Told): Record<string, unknown> => ({
  id: told.membershipId,
  object: 'organization_membership',
  role: told.input.role,
  permissions: ['org:sys_memberships:read'],
  public_metadata: {},
  organization: organization(told),
  public_user_data: {
    user_id: told.person.userId,
    identifier: emailOf(told.input, told.person),
    first_name: told.input.first_name,
    last_name: told.input.last_name,
    image_url: 'https://img.clerk.com/simulated',
    has_image: false,
  },
  created_at: told.person.createdAt,
  updated_at: told.at,
})

const session = ({ userId }: Person, at: number): Record<string, unknown> => ({
  id: plainId('sess_', 26),
  object: 'session',
  user_id: userId,
  client_id: plainId('client_', 26),
  status: 'active',
  created_at: at,
  updated_at: at,
})

function webhook(type: string, { at, data }: { at: number; data: Record<string, unknown> }): OutgoingWebhook {
  const messageId = plainId('msg_', 27)
  const event_attributes = { http_request: { client_ip: '203.0.113.7', user_agent: 'Mozilla/5.0' } }
  return {
    kind: type,
    externalId: String(data.id),
    eventId: messageId,
    path: '/webhooks/clerk',
    contentType: 'application/json',
    headers: { 'user-agent': 'Svix-Webhooks/1.99' },
    body: JSON.stringify({
      data,
      event_attributes,
      instance_id: 'ins_simulated',
      object: 'event',
      timestamp: at,
      type,
    }),
  }
}
