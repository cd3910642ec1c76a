import { WebSocket } from 'ws'
import { Failure } from './results.js'

interface Said {
  type?: string
  code?: string
  id?: string | null
  last_id?: string
  event?: string
}

export interface Heard extends Said {
  /** Of performance.now(). */
  atMs: number
}

const patienceMs = 10_000

/** A connection for events, opened with a token in its header. */
export async function openWebSocket(base: string, token: string | undefined) {
  const heard: Heard[] = []
  let woken = () => {}
  const socket = new WebSocket(`${base.replace(/^http/, 'ws')}/ws`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    handshakeTimeout: patienceMs,
  })
  socket.on('message', (data: Buffer) => {
    heard.push({ ...(JSON.parse(data.toString()) as Said), atMs: performance.now() })
    woken()
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve())
    socket.once('unexpected-response', (request, response) => {
      request.destroy()
      reject(new Refused(response.statusCode ?? 0))
    })
    socket.on('error', (error) => reject(new Failure(`the WebSocket at /ws did not open: ${error.message}`)))
  })

  /** Waits until something was heard that fits. */
  async function hear(fits: (said: Heard) => boolean, what: string): Promise<Heard> {
    const giveUpAt = performance.now() + patienceMs
    for (;;) {
      const found = heard.find(fits)
      if (found) return found
      if (performance.now() > giveUpAt) throw new Failure(`${what} did not come within ${patienceMs / 1000} s`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100)
        woken = () => (clearTimeout(timer), resolve())
      })
    }
  }

  return {
    heard,
    hear,
    /** @returns the answer, an error of the server's included */
    async subscribe(channel: string, since?: string): Promise<Heard> {
      const before = heard.length
      socket.send(JSON.stringify({ type: 'subscribe', channel, ...(since === undefined ? {} : { since }) }))
      return await hear((said) => said.type !== undefined && heard.indexOf(said) >= before, 'an answer to subscribe')
    },
    close: () => socket.close(),
  }
}

export type EventSocket = Awaited<ReturnType<typeof openWebSocket>>

/** The handshake was answered with an HTTP status. */
export class Refused extends Failure {
  constructor(readonly status: number) {
    super(`the WebSocket at /ws was answered ${status}`)
  }
}
