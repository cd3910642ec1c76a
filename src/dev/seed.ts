import { verify } from '@node-rs/argon2'
import type { Knex } from 'knex'
import type { Role } from '../domain/identity.js'
import { hashPassword } from '../http/new-password.js'
import { createDatabase } from '../store/database.js'
import { type SeedAccounts, seedIntegrations } from './seed-integrations.js'
import { seedResources } from './seed-resources.js'

/** Companies of the development data, under ids that never change. */
export const seedCompanies = {
  acme: { id: '0192a000-0000-7000-8000-00000000ac3e', name: 'Acme Genetics' },
  borealis: { id: '0192a000-0000-7000-8000-0000000b03ea', name: 'Borealis Health' },
} as const

interface SeedUser {
  id: string
  email: string
  displayName: string
  companyId: string
  role: Role
}

const acme = seedCompanies.acme.id

/** Users of the development data; all have the demo password. */
export const seedUsers = {
  acmeLead: user('01', 'lead@acme.test', 'Ada Lovelace', acme, 'leadership'),
  acmeCsr: user('02', 'csr@acme.test', 'Chien-Shiung Wu', acme, 'csr'),
  acmeRep: user('03', 'rep@acme.test', 'Rosalind Franklin', acme, 'rep'),
  acmeRep2: user('04', 'rep2@acme.test', 'Barbara McClintock', acme, 'rep'),
  borealisLead: user('05', 'lead@borealis.test', 'Vera Rubin', seedCompanies.borealis.id, 'leadership'),
}

function user(number: string, email: string, displayName: string, companyId: string, role: Role): SeedUser {
  return { id: `0192a000-0000-7000-8000-0000000000${number}`, email, displayName, companyId, role }
}

interface SeedOptions {
  url: string
  demoPassword: string
  /** Accounts of providers in place of the simulated ones, {} for none; absent: no integrations. */
  accounts?: SeedAccounts
  /** A few leads, appointments and tasks of Acme. */
  samples?: boolean
}

/** Writes the development companies, users, integrations and samples; repeating it changes nothing that is right. */
export async function seedDevelopment({ url, demoPassword, accounts, samples }: SeedOptions): Promise<void> {
  const database = createDatabase({ url, poolSize: 1 })
  try {
    await database.withService(undefined, async (trx) => {
      for (const { id, name } of Object.values(seedCompanies))
        await trx.raw('insert into companies (id, name) values (?, ?) on conflict (id) do nothing', [id, name])
      const passwordHash = await demoHash(trx, demoPassword)
      for (const seeded of Object.values(seedUsers)) await upsertUser(trx, seeded, passwordHash)
      if (accounts) await seedIntegrations(trx, acme, accounts)
      if (samples) await seedSamples(trx)
    })
  } finally {
    await database.destroy()
  }
}

async function seedSamples(trx: Knex.Transaction): Promise<void> {
  const { acmeCsr, acmeRep, acmeRep2 } = seedUsers
  await seedResources(trx, { companyId: acme, csr: acmeCsr.id, reps: [acmeRep.id, acmeRep2.id] })
}

/** The hash that is there as long as it fits: a start need not spend half a second on five new ones. */
async function demoHash(trx: Knex.Transaction, password: string): Promise<string> {
  const { rows } = await trx.raw<{ rows: { password_hash: string }[] }>(
    'select password_hash from users where id = ? and password_hash is not null',
    [seedUsers.acmeLead.id],
  )
  const known = rows[0]?.password_hash
  if (known !== undefined && (await verify(known, password).catch(() => false))) return known
  return await hashPassword(password)
}

async function upsertUser(trx: Knex.Transaction, seeded: SeedUser, passwordHash: string): Promise<void> {
  const { id, email, displayName, companyId, role } = seeded
  // Without a target: an address that somebody gave to another user is left to that one.
  await trx.raw(
    `insert into users (id, user_email, display_name, company_id, role, password_hash) values (?, ?, ?, ?, ?, ?)
     on conflict do nothing`,
    [id, email, displayName, companyId, role, passwordHash],
  )
  await trx.raw(
    'update users set password_hash = ?, updated_at = now() where id = ? and password_hash is distinct from ?',
    [passwordHash, id, passwordHash],
  )
}
