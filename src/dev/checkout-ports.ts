import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { freePort, isPortFree, nextFreePort } from './ports.js'
import { Refusal } from './refusal.js'

const remembered = ['postgres', 'temporal', 'temporalUi', 'simulator', 'workerMetrics'] as const
export type CheckoutPorts = Record<(typeof remembered)[number] | 'api', number>

export interface PortOptions {
  /** Where the ports of the last start that came to be ready are noted. */
  file: string
  host: string
  /** PORT as the user set it; 0 takes any. */
  wanted: number | undefined
  standard: number
  say: (message: string) => void
}

function read(file: string): Partial<CheckoutPorts> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<CheckoutPorts>
  } catch {
    return {}
  }
}

async function apiPort({ host, wanted, standard, say }: PortOptions, last: number | undefined): Promise<number> {
  if (wanted === 0) return await freePort()
  if (wanted !== undefined) {
    if (await isPortFree(wanted, host)) return wanted
    throw new Refusal(`port ${wanted} is taken: end what listens there, or set PORT to another one (or leave it unset)`)
  }
  // The last one first: conversations that are open carry its address.
  for (const port of [last, standard]) if (port !== undefined && (await isPortFree(port, host))) return port
  const port = await nextFreePort(standard + 1, host)
  say(`port ${standard} is taken: the API takes ${port} (PORT chooses another)`)
  return port
}

/** The ports of this checkout: those of the last start where they are still free, so that addresses stay. */
export async function choosePorts(options: PortOptions): Promise<CheckoutPorts> {
  const last = read(options.file)
  const ports = { ...last, api: await apiPort(options, last.api) }
  const taken = new Set([ports.api])
  for (const name of remembered) {
    const known = last[name]
    const kept = known !== undefined && !taken.has(known) && (await isPortFree(known))
    ports[name] = kept ? known : await freePort(taken)
    taken.add(ports[name])
  }
  return ports as CheckoutPorts
}

/** The API's port of the last start, if there was one. */
export const lastApiPort = (file: string): number | undefined => read(file).api

/** Notes the ports of a start that is ready. A PORT that the user named holds for that start only. */
export function rememberPorts({ file, wanted }: Pick<PortOptions, 'file' | 'wanted'>, ports: CheckoutPorts): void {
  const api = wanted === undefined ? ports.api : read(file).api
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ ...ports, api }, null, 2)}\n`)
}
