import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A way to a server that can be cut and mended, as a network or a restart does it. */
export async function createFlakyLink(target: { host: string; port: number }) {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    const upstream = connect(target)
    for (const [end, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      open.add(end)
      end.on('error', () => other.destroy())
      end.on('close', () => (open.delete(end), other.destroy()))
      end.pipe(other)
    }
  })
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as { port: number }).port
  }
  const port = await listen(0)
  const cut = async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of open) socket.destroy()
    await closed
  }
  return {
    port,
    cut,
    mend: () => listen(port),
    isOpen: () => server.listening,
    close: () => (server.listening ? cut() : Promise.resolve()),
  }
}
