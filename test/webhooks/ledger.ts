import type { ReceiptRecord, TestEngine } from './harness.js'

/** What the engine has written since it was opened: nobody else may write meanwhile. */
export async function openLedger(engine: Pick<TestEngine, 'admin' | 'receipts'>) {
  const known = (await engine.receipts()).map(({ id }) => id)
  const [last] = await engine.admin<{ id: string }>('select coalesce(max(id), 0)::text as id from event_logs')
  return {
    receipts: (): Promise<ReceiptRecord[]> => engine.receipts('id <> all($1::uuid[])', [known]),
    /** Names of the entries, in order. */
    log: async () => (await entries()).map(({ event }) => event),
    entries,
  }

  function entries() {
    return engine.admin<{ event: string; data: Record<string, unknown> }>(
      'select event, data from event_logs where id > $1 order by id',
      [last?.id],
    )
  }
}
