import { expect, it } from 'vitest'
import { createTestDatabase } from '../support/database.js'
import { createDatabase } from '../../src/store/database.js'
import { seedDevelopment } from '../../src/dev/seed.js'
it('smoke', async () => {
  const db = await createTestDatabase()
  await seedDevelopment({ url: db.ownerUrl, demoPassword: 'parley-demo' })
  await seedDevelopment({ url: db.url, demoPassword: 'parley-demo' })
  const d = createDatabase({ url: db.url, poolSize: 3 })
  await d.assertSafeRole(); await d.ping()
  const r = await d.withService(undefined, (trx) => trx.raw('select * from users'))
  expect(r.rows.length).toBe(5)
  await d.destroy()
  await db.drop()
})
