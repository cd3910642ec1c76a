import { checkCrossOrigin } from './check-cross-origin.js'
import { checkErrors } from './check-errors.js'
import { checkExempt } from './check-exempt.js'
import { checkLimits } from './check-limits.js'
import { checkOperations } from './check-operations.js'
import { checkRealtime } from './check-realtime.js'
import { checkTenant } from './check-tenant.js'
import { findCallers } from './callers.js'
import { createClient } from './client.js'
import { jsonOf, tableOf, totalsOf } from './report.js'
import { createResults, type Result } from './results.js'
import { readSettings, type Settings, UsageError } from './settings.js'

interface Surroundings {
  env: Record<string, string | undefined>
  out: (text: string) => void
  err: (text: string) => void
}

/** @returns the exit status: 1 when a check failed, 2 for a command line that cannot be meant */
export async function smoke(args: readonly string[], { env, out, err }: Surroundings): Promise<number> {
  try {
    const settings = readSettings(args, env, out)
    if (!settings) return 0
    const results = await checkAll(settings, err)
    out(settings.json ? jsonOf(settings.base, results) : tableOf(results))
    return totalsOf(results).failed > 0 ? 1 : 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    err(`smoke: ${error.message}`)
    return 2
  }
}

/** The limits come last: once they are used up, nothing else is answered. */
async function checkAll(settings: Settings, say: (text: string) => void): Promise<Result[]> {
  const { results, of } = createResults()
  const client = createClient(settings.base, say)
  await checkOperations({ client, check: of('operations') })
  if (results.every(({ state }) => state === 'failed'))
    say(`nothing answers at ${settings.base}: does Parley run there?`)
  await checkErrors({ client, check: of('errors') })
  await checkCrossOrigin({ client, settings, check: of('CORS') })
  const callers = await findCallers({ client, settings, check: of('callers'), say })
  await checkTenant({ client, callers, check: of('tenant') })
  await checkRealtime({ client, settings, callers, check: of('realtime') })
  const refused = await checkLimits({ client, callers, check: of('limits') })
  await checkExempt({ client, callers, refused, check: of('exempt') })
  return results
}
