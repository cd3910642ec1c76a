const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const marked = new RegExp(`^(${uuid})[.](${uuid})$`)

/** Name of the parameter, and of the header that a receipt keeps it under. */
export const markParameter = 'follow_up'
export const markHeader = 'parley-follow-up'

/** A follow-up and its company. */
export interface FollowUpMark {
  tenantId: string
  followUpId: string
}

/** What is put into the address of a message's status callbacks: Twilio signs all of it. */
export const markOf = ({ tenantId, followUpId }: FollowUpMark) => `${tenantId}.${followUpId}`

/** @returns undefined for what is no mark of ours */
export function readMark(value: string | null | undefined): FollowUpMark | undefined {
  const [, tenantId, followUpId] = marked.exec(value ?? '') ?? []
  return tenantId === undefined || followUpId === undefined ? undefined : { tenantId, followUpId }
}
