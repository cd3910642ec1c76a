export interface BannerFacts {
  url: string
  temporalUi: string | undefined
  simulator: string | undefined
  /** Undefined: the database is not ours, and we know no login. */
  demo: { email: string; password: string } | undefined
  dataDir: string
}

/** One line that logs in and starts a session; bash takes the token out of the answer, so it needs nothing but curl. */
export function startLine(url: string, demo: { email: string; password: string }): string {
  const json = `-H 'content-type: application/json'`
  // A quote inside single quotes ends them, stands for itself, and begins them again.
  const login = JSON.stringify(demo).replaceAll("'", `'\\''`)
  return (
    `T=$(curl -sS ${url}/auth/login ${json} -d '${login}'); T=\${T#*'"token":"'}; ` +
    `curl -sS -X POST ${url}/tavus/start -H "authorization: Bearer \${T%%'"'*}" ${json} -d '{}'`
  )
}

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
  const start = demo ? ['', 'Log in and start a session:', startLine(url, demo)] : []
  return [
    '',
    'Parley is ready',
    ...shown,
    ...start,
    '',
    'End it with Ctrl-C; the next npm start goes on where it was.',
    '',
  ].join('\n')
}
