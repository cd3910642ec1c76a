/** What npm run verify runs, one after the other: each is a script of package.json. */
export const verifyParts = [
  'verify:secrets',
  'verify:foundations',
  'verify:tests',
  'verify:idempotency',
  'verify:obs',
  'verify:realtime',
] as const

export interface PartResult {
  name: string
  /** Exit status. */
  status: number
  seconds: number
}
