import { Connection } from '@temporalio/client'
import { describe, expect, inject, it } from 'vitest'
import { onDatabase } from '../../src/dev/postgres-roles.js'
import { createTestDatabase } from '../support/database.js'

describe('the servers of a test run', () => {
  it('give each caller a database of its own, with a login that policies bind', async () => {
    const database = await createTestDatabase()
    const role =
      "select rolsuper, rolbypassrls, rolinherit, rolcreaterole, lower('É') as folded from pg_roles where rolname = current_user"
    const { rows } = await onDatabase(database.url, (client) => client.query(role))
    expect(rows).toEqual([
      { rolsuper: false, rolbypassrls: false, rolinherit: false, rolcreaterole: false, folded: 'é' },
    ])
    await database.drop()
    await expect(onDatabase(database.url, (client) => client.query('select 1'))).rejects.toThrow('does not exist')
  })

  it('have a Temporal server with the search attributes of sessions', async () => {
    const connection = await Connection.connect({ address: inject('temporalAddress') })
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' })
    await connection.close()
    expect(Object.keys(customAttributes ?? {})).toEqual(expect.arrayContaining(['ParleyTenant', 'ParleyStatus']))
  })
})
