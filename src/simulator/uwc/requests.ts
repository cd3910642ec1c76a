import { z } from 'zod'
import type { UwcItem, UwcKind } from './jobs.js'

const id = z.string().min(1).max(200)
const common = { company_id: id, request_id: id }
const address = z.string().min(1).max(2000)

const schemas = {
  asr: z.looseObject({ ...common, audio_urls: z.array(z.looseObject({ url: address, call_id: id })).min(1) }),
  rag: z.looseObject({
    ...common,
    documents: z.array(z.looseObject({ document_id: id, content: z.string().min(1) })).min(1),
  }),
  training: z.looseObject({
    ...common,
    training_data: z.looseObject({ rep_id: id, media_urls: z.array(address).min(1) }),
  }),
  analysis: z.looseObject({ ...common, call_id: id }),
  followup: z
    .looseObject({ ...common, lead_id: id.optional(), call_id: id.optional() })
    .refine((body) => body.lead_id !== undefined || body.call_id !== undefined, 'must name a lead or a call'),
}

export const questionSchema = z.looseObject({
  ...common,
  query: z.string().min(1),
  context: z.looseObject({ user_role: z.string().min(1) }),
})

export interface ReadSubmission {
  companyId: string
  requestId: string
  items: UwcItem[]
}

/** What a request asks for, or the fields of it that are wrong. */
export function readSubmission(kind: UwcKind, body: unknown): ReadSubmission | { wrong: string[] } {
  const parsed = schemas[kind].safeParse(body)
  if (!parsed.success) return { wrong: wrongFields(parsed.error) }
  const { company_id: companyId, request_id: requestId } = parsed.data
  return { companyId, requestId, items: itemsOf(kind, parsed.data) }
}

export const wrongFields = ({ issues }: z.ZodError): string[] =>
  issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`)

const idOf = (body: Record<string, unknown>, name: string) => String(body[name])

function itemsOf(kind: UwcKind, body: Record<string, unknown>): UwcItem[] {
  const listed = (name: string, field: UwcItem['field']) =>
    (body[name] as Record<string, unknown>[]).map((one) => ({ field, id: idOf(one, field) }))
  switch (kind) {
    case 'asr':
      return listed('audio_urls', 'call_id')
    case 'rag':
      return listed('documents', 'document_id')
    case 'training':
      return [{ field: 'rep_id', id: idOf(body.training_data as Record<string, unknown>, 'rep_id') }]
    case 'analysis':
      return [{ field: 'call_id', id: idOf(body, 'call_id') }]
    case 'followup': {
      const field = body.call_id === undefined ? 'lead_id' : 'call_id'
      return [{ field, id: idOf(body, field) }]
    }
  }
}
