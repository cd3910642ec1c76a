import { roleOfClerk } from '../../domain/identity.js'
import type { IdentityChange } from '../../domain/webhook.js'
import { isPlain } from '../body.js'
import { type Fields, fieldsOf } from '../json.js'

/**
 * What an event of Clerk changes in the mirror of companies, users and roles; recorded only when it is of another type
 * or names nobody. Metadata, the private one too, stays in the receipt.
 */
export function identityChange(type: string, value: unknown): IdentityChange {
  const event = fieldsOf(value)
  const data = fieldsOf(event.data)
  const sentAt = milliseconds(event.timestamp) ?? 0
  switch (type) {
    case 'user.created':
    case 'user.updated':
    case 'user.deleted':
      return user(data, sentAt, type === 'user.deleted')
    case 'organization.created':
    case 'organization.updated':
    case 'organization.deleted':
      return organization(data, sentAt, type === 'organization.deleted')
    case 'organizationMembership.created':
    case 'organizationMembership.updated':
    case 'organizationMembership.deleted':
      return membership(data, sentAt, type === 'organizationMembership.deleted')
    default:
      return recorded(data.organization_id)
  }
}

const recorded = (organizationId: unknown): IdentityChange =>
  isPlain(organizationId) ? { entity: 'other', organizationId } : { entity: 'other' }

function user(data: Fields, sentAt: number, deleted: boolean): IdentityChange {
  if (!isPlain(data.id)) return recorded(undefined)
  return {
    entity: 'user',
    userId: data.id,
    email: primaryEmail(data),
    displayName: fullName(data) ?? text(data.username, 200),
    deleted,
    sentAt,
    updatedAt: changedAt(data, sentAt, deleted),
  }
}

function organization(data: Fields, sentAt: number, deleted: boolean): IdentityChange {
  if (!isPlain(data.id)) return recorded(undefined)
  const updatedAt = changedAt(data, sentAt, deleted)
  return { entity: 'organization', organizationId: data.id, name: text(data.name, 200), deleted, sentAt, updatedAt }
}

function membership(data: Fields, sentAt: number, deleted: boolean): IdentityChange {
  const [company, person] = [fieldsOf(data.organization), fieldsOf(data.public_user_data)]
  if (!isPlain(company.id) || !isPlain(person.user_id)) return recorded(company.id)
  return {
    entity: 'membership',
    organizationId: company.id,
    organizationName: text(company.name, 200),
    userId: person.user_id,
    email: emailOf(person.identifier),
    displayName: fullName(person),
    role: roleOfClerk(data.role),
    deleted,
    sentAt,
    updatedAt: changedAt(data, sentAt, deleted),
  }
}

/** A deletion repeats the entity's last change, or names none: it counts from when it was told. */
function changedAt(data: Fields, sentAt: number, deleted: boolean): number {
  const updatedAt = milliseconds(data.updated_at)
  return deleted ? Math.max(updatedAt ?? 0, sentAt) : (updatedAt ?? sentAt)
}

/** Clerk's times are milliseconds, unlike Svix' own. */
const milliseconds = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value < 253_402_300_800_000
    ? value
    : undefined

/** There is no email on top: it is the entry that the primary id names, unless Clerk says that it is not verified. */
function primaryEmail(data: Fields): string | undefined {
  const entries = Array.isArray(data.email_addresses) ? data.email_addresses.map(fieldsOf) : []
  const primary = entries.find(({ id }) => id !== undefined && id === data.primary_email_address_id)
  const { status } = fieldsOf(primary?.verification)
  return status === undefined || status === 'verified' ? emailOf(primary?.email_address) : undefined
}

const emailOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= 320 && /^[^\s\p{Cc}\p{Cs}@]+@[^\s\p{Cc}\p{Cs}@]+$/u.test(value)
    ? value
    : undefined

function fullName({ first_name: first, last_name: last }: Fields): string | undefined {
  return text([first, last].filter((name) => typeof name === 'string').join(' '), 200)
}

/** Text that a column takes; undefined when nothing is left of it. */
function text(value: unknown, maxLength: number): string | undefined {
  if (typeof value !== 'string') return undefined
  const clean = value.replace(/[\p{Cc}\p{Cs}\p{Z}]+/gu, ' ').trim()
  return [...clean].slice(0, maxLength).join('').trim() || undefined
}
