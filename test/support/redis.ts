import { tmpdir } from 'node:os'
import { connect } from 'node:net'
import { foreignEnvironment } from '../../src/dev/environment.js'
import { freePort } from '../../src/dev/ports.js'
import { killProcess } from '../../src/dev/process-identity.js'
import { findRedisServer } from '../../src/dev/redis-server.js'
import { startLife, untilReady, type ChildSpec, type Life } from '../../src/dev/supervised-child.js'

export interface TestRedis {
  url: string
  /** SIGKILL, and nothing brings it back but start(). */
  kill: () => Promise<void>
  /** Empty again, at the same address. */
  start: () => Promise<void>
  /** Accepts connections and says nothing. @returns how it goes on */
  freeze: () => () => void
  /** One command in its inline form, such as `GET key`. @returns the answer in the protocol's words */
  ask: (command: string) => Promise<string>
  stop: () => Promise<void>
}

/** A real Redis on a free port of the loopback, keeping nothing on disk; it ends with the test's process. */
export async function startRedis(): Promise<TestRedis> {
  const command = findRedisServer()
  if (!command)
    throw new Error(
      'there is no redis-server: npm test installs one, or set REDIS_SERVER_PATH to that of Redis or Valkey',
    )
  const port = await freePort()
  const ask = (text: string) => askInline(port, text)
  const spec: ChildSpec = {
    name: 'redis',
    command,
    args: ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'],
    env: foreignEnvironment(),
    cwd: tmpdir(),
    kind: 'foreign',
    graceMs: 5_000,
    isReady: async () => (await ask('PING')).startsWith('+PONG'),
    readyTimeoutMs: 20_000,
    onLine: () => undefined,
  }
  let life: Life | undefined
  const start = async () => {
    life = startLife(spec)
    await untilReady(spec, life)
  }
  const program = () => {
    const last = life?.processes().at(-1)
    if (!last || life?.isOver()) throw new Error('redis does not run')
    return last
  }
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    ask,
    start,
    async kill() {
      killProcess(program())
      await life?.ended
    },
    freeze() {
      const { pid } = program()
      process.kill(pid, 'SIGSTOP')
      return () => process.kill(pid, 'SIGCONT')
    },
    async stop() {
      await life?.stop()
    },
  }
}

function askInline(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    // Redis closes after QUIT, so that the end of the answer is the end of the connection.
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\nQUIT\r\n`))
    socket.on('data', (chunk) => (text += chunk.toString()))
    socket.on('error', reject)
    socket.on('close', () => resolve(text.replace(/\+OK\r\n$/, '')))
  })
}
