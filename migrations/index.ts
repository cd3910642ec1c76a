import type { Knex } from 'knex'
import * as foundation from './0001_foundation.js'
import * as integrations from './0002_integrations.js'
import * as calls from './0003_calls.js'
import * as messages from './0004_messages.js'
import * as identityPartner from './0005_identity_partner.js'
import * as apiKeys from './0006_api_keys.js'
import * as resources from './0007_resources.js'
import * as realtime from './0008_realtime.js'
import * as callsPerCompany from './0009_calls_per_company.js'
import * as claimsAndSources from './0010_claims_and_sources.js'
import * as leanWrites from './0011_lean_writes.js'
import * as mentor from './0012_mentor.js'
import * as untrackedProviders from './0013_untracked_providers.js'
import * as uwcJobs from './0014_uwc_jobs.js'
import * as followUps from './0015_follow_ups.js'
import * as analytics from './0016_analytics.js'
import * as keptAnswers from './0017_kept_answers.js'
import * as logCompanyKey from './0019_log_company_key.js'

export interface Migration {
  name: string
  up(knex: Knex): Promise<void>
  down(knex: Knex): Promise<void>
}

/** Every migration in order. Append only: one that has run is never edited. */
export const migrations: Migration[] = [
  { name: '0001_foundation', ...foundation },
  { name: '0002_integrations', ...integrations },
  { name: '0003_calls', ...calls },
  { name: '0004_messages', ...messages },
  { name: '0005_identity_partner', ...identityPartner },
  { name: '0006_api_keys', ...apiKeys },
  { name: '0007_resources', ...resources },
  { name: '0008_realtime', ...realtime },
  { name: '0009_calls_per_company', ...callsPerCompany },
  { name: '0010_claims_and_sources', ...claimsAndSources },
  { name: '0011_lean_writes', ...leanWrites },
  { name: '0012_mentor', ...mentor },
  { name: '0013_untracked_providers', ...untrackedProviders },
  { name: '0014_uwc_jobs', ...uwcJobs },
  { name: '0015_follow_ups', ...followUps },
  { name: '0016_analytics', ...analytics },
  { name: '0017_kept_answers', ...keptAnswers },
  { name: '0019_log_company_key', ...logCompanyKey },
]
