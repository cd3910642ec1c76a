import { createHmac, timingSafeEqual } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import Koa from 'koa'
import pg from 'pg'
import getRawBody from 'raw-body'

// The least that a webhook handler can do: read the body, verify it, one idempotent transaction with a receipt, a call and
// an event, answer. A process of its own, as the application is one.

const [url, secret] = process.argv.slice(2)
if (url === undefined || secret === undefined || process.argv[1] !== fileURLToPath(import.meta.url))
  throw new Error('floor.js takes a database url and a secret')

const pool = new pg.Pool({ connectionString: url, max: 12 })
await pool.query(`
  create table if not exists bench_receipts (key text primary key, payload bytea not null, at timestamptz not null default now());
  create table if not exists bench_calls (key text primary key, outcome text not null, seconds int not null);
  create table if not exists bench_events (id bigserial primary key, key text not null, event text not null)`)

const takeOnce = `
  with receipt as (insert into bench_receipts (key, payload) values ($1, $2) on conflict do nothing returning key),
    call as (insert into bench_calls select key, 'completed', $3 from receipt
      on conflict (key) do update set outcome = excluded.outcome returning key)
  insert into bench_events (key, event) select key, 'telephony.call.completed' from call`

const app = new Koa()
app.use(async (ctx) => {
  const body = await getRawBody(ctx.req, { limit: '1mb' })
  const expected = createHmac('sha1', secret).update(body).digest()
  const given = Buffer.from(ctx.get('signature'), 'base64')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return void (ctx.status = 401)
  const { resource_id: key, duration } = JSON.parse(body.toString()) as { resource_id: string; duration: string }
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query(takeOnce, [key, body, Number(duration)])
    await client.query('commit')
  } finally {
    client.release()
  }
  ctx.body = { status: 'processed' }
})
const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ ready: true, port: (server.address() as AddressInfo).port })}\n`)
})
