export interface BannerFacts {
  url: string
  temporalUi: string | undefined
  simulator: string | undefined
  /** Undefined: the database is not ours, and we know no login. */
  demo: { email: string; password: string } | undefined
  dataDir: string
}

const json = `-H 'content-type: application/json'`

/** Takes one text out of a JSON answer, with nothing but what every POSIX system has. */
const take = (name: string) => `sed 's/.*"${name}":"\\([^"]*\\)".*/\\1/'`

/** One line that logs in and starts a session; it leaves the token in TOKEN and the answer in CALL. */
export function startLine(url: string, demo: { email: string; password: string }): string {
  // A quote inside single quotes ends them, stands for itself, and begins them again.
  const login = JSON.stringify(demo).replaceAll("'", `'\\''`)
  return (
    `TOKEN=$(curl -sS ${url}/auth/login ${json} -d '${login}' | ${take('token')}); ` +
    `CALL=$(curl -sS -X POST ${url}/tavus/start -H "authorization: Bearer $TOKEN" ${json} -d '{}'); ` +
    `printf '%s\\n' "$CALL"`
  )
}

/** The line that ends the session which the start line began, in the same shell. */
export const endLine = (url: string) =>
  `curl -sS -X POST "${url}/tavus/end/$(printf '%s' "$CALL" | ${take('conversation_id')})" -H "authorization: Bearer $TOKEN"`

/** What a person needs to know once everything runs. */
export function banner({ url, temporalUi, simulator, demo, dataDir }: BannerFacts): string {
  const rows: [string, string | undefined][] = [
    ['caller page', url],
    ['API documents', `${url}/docs`],
    ['Temporal UI', temporalUi],
    ['simulator truth', simulator && `${simulator}/__sim/conversations`],
    ['demo login', demo && `${demo.email} / ${demo.password}`],
    ['data and logs', dataDir],
  ]
  const shown = rows.filter(([, value]) => value !== undefined).map(([name, value]) => `  ${name.padEnd(17)}${value}`)
  const start = demo
    ? ['', 'Log in and start a session:', startLine(url, demo), '', 'End it, in the same shell:', endLine(url)]
    : []
  return [
    '',
    'Parley is ready',
    ...shown,
    ...start,
    '',
    'Ctrl-C stops everything; the next npm start goes on where it was.',
    '',
  ].join('\n')
}
