import type { ClaimedAccount } from './receipt-adoption.js'
import { adoptReceipts } from './receipt-adoption.js'
import { adoptTenant, type Database } from './database.js'
import { isUuid } from './values.js'

/** A company's claim on an account that counts for nothing until the operator confirms it. */
export interface PendingClaim extends ClaimedAccount {
  id: string
  company: string
  createdAt: Date
}

export type ClaimDecision = 'done' | 'unknown' | 'not_pending'

/** So many receipts change hands in one transaction. */
const adoptedAtOnce = 1000

/** Where the operator decides on claims, of whichever company. */
export function createClaimDesk(database: Pick<Database, 'withService' | 'statement'>) {
  /** Locks the claim; anything but a pending one is left as it is. */
  const decide = async (
    id: string,
    sql: string,
  ): Promise<{ decision: ClaimDecision; claim?: ClaimedAccount; adopted: number }> => {
    if (!isUuid(id)) return { decision: 'unknown', adopted: 0 }
    return await database.withService(undefined, async (trx) => {
      const { rows } = await trx.raw<{ rows: (ClaimedAccount & { standing: string })[] }>(
        `select tenant_id as "tenantId", provider, account, standing from integrations where id = ? for update`,
        [id],
      )
      const [claim] = rows
      if (!claim) return { decision: 'unknown', adopted: 0 }
      if (claim.standing !== 'pending') return { decision: 'not_pending', adopted: 0 }
      await adoptTenant(trx, claim.tenantId)
      await trx.raw(sql, [id])
      const adopted = sql === reject ? 0 : await adoptReceipts(trx, claim, adoptedAtOnce)
      return { decision: 'done', claim, adopted }
    })
  }

  return {
    /** Claims that wait, the oldest first. */
    pending: (limit = 1000): Promise<PendingClaim[]> =>
      database.statement<PendingClaim>(
        `select i.id, i.tenant_id as "tenantId", c.name as company, i.provider, i.account, i.created_at as "createdAt"
         from integrations i join companies c on c.id = i.tenant_id where i.standing = 'pending'
         order by i.created_at, i.id limit $1`,
        [limit],
      ),

    /** The account is the company's from now on, with the deliveries that were parked for it. @returns how many those are */
    async confirm(id: string): Promise<{ decision: ClaimDecision; adopted: number }> {
      const { decision, claim, adopted } = await decide(id, confirm)
      let [all, last] = [adopted, adopted]
      while (claim && last === adoptedAtOnce) {
        last = await database.withService(claim.tenantId, (trx) => adoptReceipts(trx, claim, adoptedAtOnce))
        all += last
      }
      return { decision, adopted: all }
    },

    /** The claim is gone, and the account free for whose it is. */
    reject: async (id: string): Promise<ClaimDecision> => (await decide(id, reject)).decision,
  }
}

export type ClaimDesk = ReturnType<typeof createClaimDesk>

const confirm = `update integrations set standing = 'confirmed', updated_at = now() where id = ?`
const reject = 'delete from integrations where id = ?'
