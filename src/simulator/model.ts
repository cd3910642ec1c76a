import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from './config.js'
import type { Random } from './random.js'

/** The custom model: cold until somebody waits for it, warm while it is used. */
export function createModel(config: Config, random: Random) {
  let loading: Promise<void> | undefined
  let warmUntil = 0
  let counts = { loads: 0, completions: 0, aborted: 0, running: 0 }
  let life = 0

  const isWarm = () => performance.now() < warmUntil
  const stayWarm = () => void (warmUntil = performance.now() + config.llm_warm_seconds * 1000)

  /** Goes on when the one who asked first hangs up: a container that starts does not stop for that. */
  async function load(): Promise<void> {
    const mine = life
    counts.loads += 1
    await sleep(random.between(config.llm_cold_ms), undefined, { ref: false })
    if (mine !== life) return
    loading = undefined
    stayWarm()
  }

  return {
    /** Resolves when the model answers; all who come meanwhile wait for one loading. */
    async ready(): Promise<'warm' | 'cold'> {
      if (isWarm()) {
        stayWarm()
        return 'warm'
      }
      loading ??= load()
      await loading
      return 'cold'
    },
    /** Generates until it is done or nobody listens. */
    async generate(
      text: string,
      { onToken, isHeard }: { onToken: (token: string) => void; isHeard: () => boolean },
    ): Promise<boolean> {
      counts.running += 1
      let heard = isHeard()
      for (const token of text.match(/\S+\s*/g) ?? []) {
        if (!heard) break
        onToken(token)
        await sleep(random.between(config.llm_token_ms))
        heard = isHeard()
      }
      counts.running -= 1
      counts[heard ? 'completions' : 'aborted'] += 1
      stayWarm()
      return heard
    },
    state: () => ({ state: isWarm() ? 'warm' : loading ? 'loading' : 'cold', ...counts }),
    cool(): void {
      life += 1
      loading = undefined
      warmUntil = 0
    },
    clear(): void {
      counts = { loads: 0, completions: 0, aborted: 0, running: 0 }
      this.cool()
    },
  }
}

export type Model = ReturnType<typeof createModel>
