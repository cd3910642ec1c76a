import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { childEnvironment } from '../environment.js'
import { freePort } from '../ports.js'
import type { Supervisor } from '../supervisor.js'

export interface LivekitServer {
  url: string
  key: string
  secret: string
}

/** A room closes this long after its last participant left. Seconds. */
export const departureSeconds = 2

/** Brings up a real livekit-server on 127.0.0.1 that sends its webhooks to `webhookUrl`. */
export async function startLivekit(options: {
  binary: string
  dataDir: string
  webhookUrl: string
  account: { key: string; secret: string }
  supervisor: Supervisor
}): Promise<LivekitServer> {
  const { binary, dataDir, webhookUrl, account, supervisor } = options
  const port = await freePort()
  const tcpPort = await freePort(new Set([port]))
  const file = join(dataDir, 'livekit.yaml')
  // JSON is YAML.
  const config = {
    port,
    bind_addresses: ['127.0.0.1'],
    rtc: {
      tcp_port: tcpPort,
      port_range_start: 52_000,
      port_range_end: 52_060,
      use_external_ip: false,
      enable_loopback_candidate: true,
    },
    keys: { [account.key]: account.secret },
    webhook: { api_key: account.key, urls: [webhookUrl] },
    room: { empty_timeout: 5, departure_timeout: departureSeconds },
    logging: { level: 'warn' },
  }
  writeFileSync(file, JSON.stringify(config))
  const url = `http://127.0.0.1:${port}`
  await supervisor.start({
    name: 'livekit',
    kind: 'foreign',
    command: binary,
    args: ['--dev', '--config', file],
    env: childEnvironment(),
    graceMs: 5000,
    isReady: () =>
      fetch(url).then(
        (answer) => answer.ok,
        () => false,
      ),
    readyTimeoutMs: 20_000,
    onLine: () => undefined,
  })
  return { url, ...account }
}
