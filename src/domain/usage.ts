/** What an event says was used, beyond the session or call that it is about. */
export interface Usage {
  asrMinutes?: number
  llmTokens?: readonly { model: string; tokens: number }[]
  smsSent?: number
}

/** More models than a company uses would be somebody's labels, not names of models. */
const maxModels = 10
const nameOfModel = /^[\w.:/@-]{1,80}$/

/** The models that may be labels of a metric, with tokens to count. */
export const plausibleTokens = (all: readonly { model: string; tokens: number }[]) =>
  all.filter(({ model, tokens }) => nameOfModel.test(model) && tokens > 0 && tokens < 1e9).slice(0, maxModels)
