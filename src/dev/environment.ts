/**
 * The environment for programs we start; undefined removes a variable. The one reader of process.env beside config.ts:
 * a child needs all of it, also what Parley knows nothing of.
 */
export const childEnvironment = (
  changes: Record<string, string | undefined> = {},
): Record<string, string | undefined> => ({
  ...process.env,
  ...changes,
})
