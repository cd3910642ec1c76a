import { Connection } from '@temporalio/client'
import { inject, describe, expect, it } from 'vitest'
import { onDatabase } from '../../src/dev/postgres-roles.js'
import { createTestDatabase } from '../support/database.js'

describe('the servers of a test run', () => {
  it('gives each caller a database of its own, with a login that no policy can be bypassed by', async () => {
    const began = Date.now()
    const database = await createTestDatabase()
    console.log('clone', Date.now() - began)
    const { rows } = await onDatabase(database.url, (client) =>
      client.query(
        "select rolsuper, rolbypassrls, rolinherit, lower('É') as folded from pg_roles where rolname = current_user",
      ),
    )
    expect(rows).toEqual([{ rolsuper: false, rolbypassrls: false, rolinherit: false, folded: 'é' }])
    await database.drop()
  })

  it('has a Temporal server with the search attributes of sessions', async () => {
    const connection = await Connection.connect({ address: inject('temporalAddress') })
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' })
    expect(Object.keys(customAttributes ?? {})).toEqual(expect.arrayContaining(['ParleyTenant', 'ParleyStatus']))
    await connection.close()
  })
})
