import { type ClaimDecision, createClaimDesk, type ClaimDesk } from './claim-desk.js'
import { createDatabase } from './database.js'
import type { Output } from './migrate-command.js'

export const claimsUsage = `usage: npm run claims -- <list|confirm <id>|reject <id>>

  list     what companies claim at providers and nobody has confirmed: it counts for nothing until then
  confirm  the account is the company's: what was parked for it is taken within a minute
  reject   remove the claim, so that whose account it is can claim it
`

/** Runs one command of the operator on claims; answers the process's exit code. 3: there is no such pending claim. */
export async function claimsCommand(
  args: string[],
  databaseUrl: () => string | Promise<string>,
  { out, err }: Output,
): Promise<number> {
  const [word = '', id] = args
  if (word === '--help' || word === '-h') return (out(claimsUsage), 0)
  const command = Object.hasOwn(commands, word) ? commands[word] : undefined
  if (!command || args.length !== (word === 'list' ? 1 : 2)) return (err(claimsUsage), 2)
  try {
    const database = createDatabase({ url: await databaseUrl(), poolSize: 1 })
    try {
      return await command(createClaimDesk(database), id ?? '', { out, err })
    } finally {
      await database.destroy()
    }
  } catch (error) {
    err(`claims ${word}: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}

type Command = (desk: ClaimDesk, id: string, output: Output) => Promise<number>

const commands: Partial<Record<string, Command>> = {
  async list(desk, _id, { out }) {
    const claims = await desk.pending()
    for (const { id, provider, account, company, tenantId, createdAt } of claims)
      out(`${id}  ${provider}  ${account}  ${company} (${tenantId})  since ${createdAt.toISOString()}`)
    if (claims.length === 0) out('nothing waits')
    return 0
  },
  async confirm(desk, id, output) {
    const { decision, adopted } = await desk.confirm(id)
    return tell(
      decision,
      `confirmed; ${adopted} ${adopted === 1 ? 'delivery' : 'deliveries'} that waited for it`,
      output,
    )
  },
  async reject(desk, id, output) {
    return tell(await desk.reject(id), 'removed', output)
  },
}

function tell(decision: ClaimDecision, done: string, { out, err }: Output): number {
  if (decision === 'done') return (out(done), 0)
  err(decision === 'unknown' ? 'there is no such claim' : 'the claim is not pending')
  return 3
}
