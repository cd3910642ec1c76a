import { z } from 'zod'
import { integrationProviders } from '../domain/integration.js'
import type { Services } from '../services.js'
import { listQuery } from './listing.js'

export const integrationProvider = z.enum(integrationProviders)

const account = z.string().trim().min(1).max(200).meta({
  description:
    'As deliveries name it: an account (AC…), a company (COM…), an organisation, an agent, an API key’s name, or a telephone number, which is kept in E.164',
})
const label = z.string().trim().min(1).max(200)

export const integrationBody = z.strictObject({ provider: integrationProvider, account, label: label.optional() })

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
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString(),
})
