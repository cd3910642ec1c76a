import type { Config } from '../config.js'
import type { CheckoutPorts } from './checkout-ports.js'
import { childEnvironment } from './environment.js'
import type { Secrets } from './secrets.js'
import { simulatedWebhooks, simulatesOthers } from './simulated-providers.js'

type Environment = Record<string, string | undefined>

/** Where everything that this start has brought up, or was given, is reached. */
export interface Addresses {
  databaseUrl: string
  migrationUrl: string
  temporal: string
  temporalUi: string | undefined
  /** Undefined: the real providers. */
  simulator: string | undefined
}

/** Key of the simulated Tavus account. */
export const simulatorKey = 'sim-tavus-key'

/** Any value will do: it only says, before the simulator runs, that there will be a model. */
const modelToCome = 'http://127.0.0.1/llm'

/** Development without a key of Tavus is served by the simulator; one with a key never is. */
export const isSimulated = (environment: Environment) =>
  environment.NODE_ENV !== 'production' && !environment.TAVUS_API_KEY?.trim()

/** Whether anything at all is left to the simulator. */
export const needsSimulator = (environment: Environment) =>
  environment.NODE_ENV !== 'production' && (isSimulated(environment) || simulatesOthers(environment))

/** What the configuration is checked with, before the ports of the simulator are known. */
export const environmentToCheck = (environment: Environment): Environment =>
  isSimulated(environment) && !environment.CUSTOM_LLM_BASE_URL?.trim()
    ? { ...environment, CUSTOM_LLM_BASE_URL: modelToCome }
    : environment

/** Settings that point every provider without an account of the user's at the simulator. */
export function simulatedProviders(
  simulator: string,
  { given = {}, secret }: { given?: Environment; secret: string },
): Record<string, string> {
  return {
    ...(isSimulated(given) ? simulatedTavus(simulator, given) : {}),
    ...simulatedWebhooks(simulator, { given, secret }),
  }
}

/** What points a process that is started by hand at the simulator. */
export function simulatedTavus(simulator: string, given: Environment = {}) {
  return {
    TAVUS_BASE_URL: simulator,
    TAVUS_API_KEY: simulatorKey,
    TAVUS_PERSONA_ID: given.TAVUS_PERSONA_ID?.trim() || 'sim-persona',
    TAVUS_REPLICA_ID: given.TAVUS_REPLICA_ID?.trim() || 'sim-replica',
    CUSTOM_LLM_BASE_URL: given.CUSTOM_LLM_BASE_URL?.trim() || `${simulator}/llm`,
  }
}

/** The environment of the application's processes: the user's own, completed with what this start has brought up. */
export function applicationEnvironment(
  config: Config,
  { ports, secrets, addresses }: { ports: CheckoutPorts; secrets: Secrets; addresses: Addresses },
): Environment {
  const given = childEnvironment()
  return {
    ...given,
    PORT: String(ports.api),
    HOST: config.server.host,
    PARLEY_DATA_DIR: config.dataDir,
    DATABASE_URL: addresses.databaseUrl,
    MIGRATION_DATABASE_URL: addresses.migrationUrl,
    TEMPORAL_ADDRESS: addresses.temporal,
    TEMPORAL_UI_URL: given.TEMPORAL_UI_URL?.trim() || addresses.temporalUi,
    JWT_SECRET: given.JWT_SECRET?.trim() || secrets.jwtSecret,
    ...(addresses.simulator === undefined
      ? {}
      : simulatedProviders(addresses.simulator, { given, secret: secrets.simulatedSecret })),
  }
}
