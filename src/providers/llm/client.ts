import { ProviderError } from '../../domain/errors.js'
import type { Transport } from '../request.js'

export interface CustomLlmConfig {
  baseUrl: string | undefined
  apiKey: string | undefined
  prewarmTimeoutMs: number
}

/** The model behind the persona, as far as Parley calls it. */
export function createLlmClient(config: CustomLlmConfig, transport: Transport) {
  return {
    /**
     * Asks the model's /healthz, which wakes a cold one; a cold model takes 8 to 30 s.
     * @returns the status of a good answer
     */
    async prewarm(signal?: AbortSignal): Promise<number> {
      const response = await transport.send('prewarm', {
        method: 'GET',
        url: `${config.baseUrl}/healthz`,
        headers: config.apiKey ? { authorization: `Bearer ${config.apiKey}` } : {},
        timeoutMs: config.prewarmTimeoutMs,
        signal,
      })
      if (response.status >= 200 && response.status < 300) return response.status
      throw new ProviderError(
        'provider_failed',
        `the custom LLM answered ${response.status}`,
        'custom_llm',
        response.status,
      )
    },
  }
}

export type LlmClient = ReturnType<typeof createLlmClient>
