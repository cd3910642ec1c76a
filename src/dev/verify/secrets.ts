/** Where a file holds what looks like a secret. Its value is never shown. */
export interface Finding {
  file: string
  line: number
  what: string
}

const forms: { what: string; pattern: RegExp }[] = [
  { what: 'a private key', pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*(?:\\n)?[A-Za-z0-9+/]{40}/ },
  { what: 'an access key of AWS', pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/ },
  { what: 'a token of GitHub', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60})/ },
  { what: 'a key of Stripe or Clerk', pattern: /\b[sr]k_live_[A-Za-z0-9]{20}/ },
  { what: 'a token of Slack', pattern: /\bxox[abprs]-[A-Za-z0-9-]{20}/ },
  { what: 'a key of a language model', pattern: /\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{32}/ },
  { what: 'a key of Google', pattern: /\bAIza[A-Za-z0-9_-]{35}\b/ },
  { what: 'a token of npm', pattern: /\bnpm_[A-Za-z0-9]{36}\b/ },
]

/** Lines of a file that look like the secret of somebody, by the form that its issuer gives it. */
export function findSecrets(file: string, text: string): Finding[] {
  return forms.flatMap(({ what, pattern }) =>
    [...text.matchAll(new RegExp(pattern, 'g'))].map(({ index }) => ({
      file,
      line: text.slice(0, index).split('\n').length,
      what,
    })),
  )
}

/** Variables of a file like .env.example or docker-compose.yml whose secret has a value of its own. */
export function findValues(file: string, text: string, secretNames: ReadonlySet<string>): Finding[] {
  return text.split('\n').flatMap((content, index) => {
    const [, name = '', value = ''] = /^[\s#-]*([A-Z][A-Z0-9_]+)\s*[=:]\s*(.*)$/.exec(content) ?? []
    if (!secretNames.has(name) || secretPart(value) === '') return []
    return [{ file, line: index + 1, what: `a value of ${name}` }]
  })
}

/** What is left of a value without references to the environment; of an address only its password counts. */
function secretPart(value: string): string {
  const own = value
    .replace(/\$\{[^}]*\}/g, '')
    .replace(/["']/g, '')
    .trim()
  if (!own.includes('://')) return own
  return /:\/\/[^:@/]*:([^@]*)@/.exec(own)?.[1] ?? ''
}
