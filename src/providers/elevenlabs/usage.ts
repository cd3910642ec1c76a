import { plausibleTokens, type Usage } from '../../domain/usage.js'
import { type Fields, fieldsOf } from '../json.js'

/** What a conversation that is over used: its minutes were transcribed, unless it was typed. */
export function usageOf(metadata: Fields): Usage {
  const { call_duration_secs: seconds, text_only: typed } = metadata
  const llmTokens = tokensOf(metadata)
  return {
    ...(isAmount(seconds) && typed !== true ? { asrMinutes: seconds / 60 } : {}),
    ...(llmTokens.length > 0 ? { llmTokens } : {}),
  }
}

/** Of what was generated for good, which is what is paid for; what was only begun may be in it again. */
function tokensOf(metadata: Fields) {
  const { irreversible_generation: generated } = fieldsOf(fieldsOf(metadata.charging).llm_usage)
  const models = Object.entries(fieldsOf(fieldsOf(generated).model_usage))
  return plausibleTokens(models.map(([model, parts]) => ({ model, tokens: sumOf(fieldsOf(parts)) })))
}

/** Read, read from a cache, written to one, and written. */
const sumOf = (parts: Fields) =>
  Object.values(parts)
    .map((part) => fieldsOf(part).tokens)
    .filter(isAmount)
    .reduce((sum, tokens) => sum + tokens, 0)

const isAmount = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value < 1e9
