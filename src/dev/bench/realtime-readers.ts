import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'

// The readers of the benchmark's events, in a process of their own: what they cost is not the API's.

const [url, token, channel, count] = process.argv.slice(2)
if (
  url === undefined ||
  token === undefined ||
  channel === undefined ||
  process.argv[1] !== fileURLToPath(import.meta.url)
)
  throw new Error('realtime-readers.js takes an address, a token, a channel and a count')

const readers = Number(count)
let times: number[] = []

async function open(): Promise<void> {
  const socket = new WebSocket(`${url}/ws`, { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false })
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'subscribe', channel }))
  const [said] = (await once(socket, 'message')) as [Buffer]
  if (!said.includes('"subscribed"')) throw new Error(said.toString())
  socket.on('close', (code) => process.exit(code === 1001 ? 0 : 1))
  socket.on('message', () => {
    times.push(performance.timeOrigin + performance.now())
    if (times.length < readers) return
    process.send?.(times)
    times = []
  })
}

let left = readers
await Promise.all(
  Array.from({ length: 50 }, async () => {
    while (left-- > 0) await open()
  }),
)
process.send?.('ready')
