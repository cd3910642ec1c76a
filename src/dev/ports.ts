import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { Refusal } from './refusal.js'

/** Whether nothing listens there. */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/**
 * A free port. Below the range that systems hand to outgoing connections: one of those could hold ours for the moment in
 * which a program that died is restarted.
 */
export async function freePort(taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = randomInt(15_000, 32_000)
    if (!taken.has(port) && (await isPortFree(port))) return port
  }
  throw new Refusal('no free port found between 15000 and 32000 on 127.0.0.1: end something that listens there')
}

/** The first free port from here on. */
export async function nextFreePort(from: number, host?: string): Promise<number> {
  for (let port = from; port < Math.min(from + 1000, 65_536); port++) if (await isPortFree(port, host)) return port
  throw new Refusal(`no free port found from ${from} on: set PORT`)
}
