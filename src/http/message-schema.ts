import { z } from 'zod'
import type { Services } from '../services.js'
import { idField, iso, shownTime, timeField } from './fields.js'
import { between, listQuery } from './listing.js'

const word = z.string().min(1).max(200)

export const messageQuery = listQuery(
  {
    provider: z.enum(['twilio', 'callrail']).optional(),
    direction: z.enum(['inbound', 'outbound']).optional(),
    status: word.optional(),
    lead: idField('a lead').optional(),
    number: word.optional().meta({ description: 'Of either side, as the provider writes it: E.164' }),
    ...between(timeField, 'Made'),
  },
  ['-created_at', 'created_at'],
)

export const messageSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    external_id: z.string(),
    lead_id: z.string().nullable(),
    direction: z.enum(['inbound', 'outbound']),
    from: z.string(),
    to: z.string(),
    body: z.string().nullable().meta({ description: 'null until the text comes' }),
    media: z.array(z.object({ url: z.string(), content_type: z.string().nullable() })),
    status: z.string().meta({ description: 'The provider’s own word' }),
    error_code: z.string().nullable(),
    sent_at: shownTime.nullable(),
    received_at: shownTime.nullable(),
    created_at: shownTime,
    updated_at: shownTime,
  })
  .meta({
    id: 'Message',
    example: {
      id: '0199a3c2-6d1e-7c4b-9a51-2f8e6b1c0d04',
      provider: 'twilio',
      external_id: 'SM00000000000000000000000000000001',
      lead_id: null,
      direction: 'inbound',
      from: '+14155552671',
      to: '+15005550006',
      body: 'Can we move it to Thursday?',
      media: [],
      status: 'received',
      error_code: null,
      sent_at: null,
      received_at: '2026-03-01T10:00:00.000Z',
      created_at: '2026-03-01T10:00:00.000Z',
      updated_at: '2026-03-01T10:00:00.000Z',
    },
  })

type Message = Awaited<ReturnType<Services['messages']['list']>>['items'][number]

/** A message's row as it leaves the server. */
export const presentMessage = (row: Message): z.input<typeof messageSchema> => ({
  id: row.id,
  provider: row.provider,
  external_id: row.externalId,
  lead_id: row.leadId,
  direction: row.direction,
  from: row.from,
  to: row.to,
  body: row.body,
  media: row.media.map(({ url, contentType }) => ({ url, content_type: contentType ?? null })),
  status: row.status,
  error_code: row.errorCode,
  sent_at: iso(row.sentAt),
  received_at: iso(row.receivedAt),
  created_at: iso(row.createdAt) ?? '',
  updated_at: iso(row.updatedAt) ?? '',
})
