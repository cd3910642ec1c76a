import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import Koa from 'koa'
import pg from 'pg'
import getRawBody from 'raw-body'

// The least that a webhook handler can do: read the body, one idempotent transaction, answer. A process of its own, as
// the application is one.

const [url] = process.argv.slice(2)
if (url === undefined || process.argv[1] !== fileURLToPath(import.meta.url))
  throw new Error('floor.js takes a database url')

const pool = new pg.Pool({ connectionString: url, max: 12 })
await pool.query(
  'create table if not exists bench_floor (key text primary key, payload bytea not null, at timestamptz not null default now())',
)

const app = new Koa()
app.use(async (ctx) => {
  const body = await getRawBody(ctx.req, { limit: '1mb' })
  const { key } = JSON.parse(body.toString()) as { key: string }
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('insert into bench_floor (key, payload) values ($1, $2) on conflict do nothing', [key, body])
    await client.query('commit')
  } finally {
    client.release()
  }
  ctx.body = { status: 'processed' }
})
const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ ready: true, port: (server.address() as AddressInfo).port })}\n`)
})
