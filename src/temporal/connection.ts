import { Client, type ClientInterceptors, Connection } from '@temporalio/client'
import type { NativeConnection } from '@temporalio/worker'
import { searchAttributeDefinitions } from '../../workflows/messages.js'

export interface TemporalConfig {
  address: string | undefined
  namespace: string
  apiKey: string | undefined
}

/** Options that both kinds of connection take; an API key turns TLS on. */
export function connectionOptions(config: TemporalConfig) {
  return { address: config.address ?? '127.0.0.1:7233', ...(config.apiKey ? { apiKey: config.apiKey, tls: true } : {}) }
}

/** A connection of a process without workers: made at its first use, so that the API starts while Temporal is away. */
export const lazyConnection = (config: TemporalConfig) => Connection.lazy(connectionOptions(config))

export const createTemporalClient = (
  connection: Connection | NativeConnection,
  namespace: string,
  interceptors: ClientInterceptors = {},
) => new Client({ connection, namespace, interceptors })

// io.temporal.api.enums.v1.IndexedValueType
const keyword = 2

/** Makes the search attributes known; a second time changes nothing. */
export async function registerSearchAttributes(client: Client, namespace: string): Promise<void> {
  const searchAttributes = Object.fromEntries(Object.keys(searchAttributeDefinitions).map((name) => [name, keyword]))
  const operator = (client.connection as Connection).operatorService
  try {
    await client.connection.withDeadline(Date.now() + 10_000, () =>
      operator.addSearchAttributes({ namespace, searchAttributes }),
    )
  } catch (error) {
    // gRPC 6, ALREADY_EXISTS: another process was first.
    if ((error as { code?: number }).code !== 6) throw error
  }
}
