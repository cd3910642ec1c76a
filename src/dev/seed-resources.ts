import type { Knex } from 'knex'

interface SeedPeople {
  companyId: string
  csr: string
  reps: readonly [string, string]
}

const id = (kind: string, number: number) => `0192a000-0000-7000-8000-${kind}0000000000${number}`

const leadIds = [id('1', 1), id('1', 2), id('1', 3)] as const

/** Writes a few leads, appointments and tasks under ids that never change; what is there already stays as it is. */
export async function seedResources(trx: Knex.Transaction, people: SeedPeople): Promise<void> {
  const { companyId } = people
  // A seeded user is missing where somebody else had the address.
  const { rows } = await trx.raw<{ rows: { id: string }[] }>('select id from users where company_id = ?', [companyId])
  const [first, second, csr] = [...people.reps, people.csr].map((one) => rows.find((row) => row.id === one)?.id ?? null)
  const put = (table: string, rows: object[]) =>
    trx(table)
      .insert(rows.map((row) => ({ tenant_id: companyId, ...row })))
      .onConflict()
      .ignore()
  await put('leads', [
    {
      id: leadIds[0],
      name: 'Grace Hopper',
      phone: '+14155552671',
      status: 'new',
      source: 'web form',
      owner_user_id: first,
    },
    { id: leadIds[1], name: 'Katherine Johnson', phone: '+14155552672', status: 'qualified', owner_user_id: second },
    { id: leadIds[2], name: 'Lise Meitner', email: 'lise@example.com', status: 'contacted', owner_user_id: null },
  ])
  await put('appointments', [
    { id: id('2', 1), title: 'First visit', lead_id: leadIds[0], owner_user_id: first, ...hours(trx, 24) },
    { id: id('2', 2), title: 'Results', lead_id: leadIds[1], owner_user_id: second, ...hours(trx, 48) },
    { id: id('2', 3), title: 'To be assigned', lead_id: leadIds[2], owner_user_id: null, ...hours(trx, 72) },
  ])
  await put('tasks', [
    { id: id('3', 1), title: 'Call back', lead_id: leadIds[0], owner_user_id: first, due_at: inHours(trx, 4) },
    { id: id('3', 2), title: 'Send the brochure', lead_id: leadIds[1], owner_user_id: second, due_at: null },
    { id: id('3', 3), title: 'Confirm the bookings of tomorrow', owner_user_id: csr, due_at: inHours(trx, 8) },
  ])
}

const inHours = (trx: Knex.Transaction, hours: number) =>
  trx.raw(`date_trunc('hour', now()) + interval '${hours} hours'`)

const hours = (trx: Knex.Transaction, begin: number) => ({
  starts_at: inHours(trx, begin),
  ends_at: inHours(trx, begin + 1),
})
