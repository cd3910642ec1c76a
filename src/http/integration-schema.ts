import { z } from 'zod'
import { claimStandings, foundOtherwise, integrationProviders } from '../domain/integration.js'
import type { Services } from '../services.js'
import { listQuery } from './listing.js'

export const integrationProvider = z.enum(integrationProviders)

/** Said of a provider that exists, and whose accounts nobody would ever ask for. */
const claimable = z.enum(integrationProviders, {
  error: ({ input }) =>
    typeof input === 'string' && Object.hasOwn(foundOtherwise, input)
      ? `needs no integration: ${foundOtherwise[input]}`
      : undefined,
})

const account = z.string().trim().min(1).max(200).meta({
  description:
    'As deliveries name it: an account of Twilio (AC…), a company of CallRail (COM…), an organisation of Clerk (org_…), an agent of ElevenLabs, or a telephone number at Twilio or CallRail, which is kept in E.164',
})
const label = z.string().trim().min(1).max(200)

export const integrationBody = z.strictObject({ provider: claimable, account, label: label.optional() })

export const integrationChange = z
  .strictObject({ account: account.optional(), label: label.nullable().optional() })
  .refine((change) => change.account !== undefined || change.label !== undefined, 'must change account or label')

export const integrationQuery = listQuery({ provider: integrationProvider.optional() }, ['-created_at', 'created_at'])

export const integrationSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    account: z.string(),
    label: z.string().nullable(),
    standing: z.enum(claimStandings).meta({
      description:
        'confirmed by the operator, claimed by the company itself, or pending: then it counts for nothing until the operator confirms it',
    }),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .meta({ id: 'Integration' })

type Integration = Awaited<ReturnType<Services['integrations']['list']>>['items'][number]

/** An integration as it leaves the server. */
export const presentIntegration = (row: Integration): z.input<typeof integrationSchema> => ({
  id: row.id,
  provider: row.provider,
  account: row.account,
  label: row.label,
  standing: row.standing,
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString(),
})
