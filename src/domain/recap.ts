/** What a company's day came to: numbers and ids, no names, numbers of telephones or words that were said. */
export interface Recap {
  conversations: {
    total: number
    ended: number
    minutes: number
    success_rate: number | null
    abandoned_share: number | null
    median_start_ms: number | null
    by_provider: Record<string, number>
  }
  calls: {
    total: number
    minutes: number
    by_outcome: Record<string, number>
  }
  /** What the ML partner made of the day's calls; absent when it made nothing. */
  call_analysis?: {
    transcribed: number
    analysed: number
    /** Of the analyses that tell one, from -1 to 1 as the partner has it. */
    mean_sentiment: number | null
    /** The most frequent ones, with the number of calls. */
    topics: { topic: string; calls: number }[]
  }
}
