export interface SourceContext {
  version: string
  /** Where the program is to be. */
  target: string
  /** Says what goes on, for a progress line. */
  detail: (text: string) => void
  env: Record<string, string | undefined>
}

/** A way to get a Temporal server that is not there yet; says why when it could not. */
export type TemporalSource = (context: SourceContext) => Promise<{ found: true } | { found: false; why: string }>
