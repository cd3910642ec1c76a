import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig, variables } from '../../src/config.js'
import { simulatedTavus } from '../../src/dev/application-environment.js'
import { endLine, startLine } from '../../src/dev/banner.js'
import { projectRoot } from '../../src/dev/documents.js'
import { createMetrics } from '../../src/observability/metrics.js'
import { searchAttributeDefinitions } from '../../workflows/messages.js'

const read = (path: string) => readFileSync(join(projectRoot, path), 'utf8')
const documents = readdirSync(projectRoot)
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: read(name) }))
const compose = read('docker-compose.yml')
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }

/** Everything between single backticks, fenced blocks left out. */
const quoted = (text: string) =>
  [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = '']) => found)
const unknown = (names: string[], known: Iterable<string>) => {
  const all = new Set(known)
  return [...new Set(names)].filter((name) => !all.has(name))
}

/** Of the table of contents on GitHub. */
const anchors = (text: string) =>
  matches(text, /^#{1,6} (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )

function foldersBelow(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(projectRoot.length).split(sep).join('/'))
}

function textBelow(folder: string): string {
  return readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => read(join(folder, name)))
    .join('\n')
}

describe.each(documents)('$name', ({ text }) => {
  it('names npm scripts that exist', () => {
    const named = [...matches(text, /\bnpm run ([\w:-]+)/g), ...matches(text, /\bnpm (start|test)\b/g)]
    expect(unknown(named, Object.keys(scripts))).toEqual([])
  })

  it('links to files and headings that exist', () => {
    const broken = matches(text, /\]\(([^)\s]+)\)/g).filter((target) => {
      if (/^[a-z]+:/.test(target)) return false
      const [path = '', anchor] = target.split('#')
      if (path !== '' && !existsSync(join(projectRoot, path))) return true
      return anchor !== undefined && !anchors(path === '' ? text : read(path)).includes(anchor)
    })
    expect(broken).toEqual([])
  })

  it('names environment variables that are read', () => {
    const named = quoted(text).flatMap((code) => matches(code, /^([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=.*)?$/g))
    const ofCompose = matches(compose, /\$\{([A-Z_]+)/g)
    expect(unknown(named, [...Object.keys(variables), ...ofCompose, 'XDG_CACHE_HOME', 'REDIS_SERVER_PATH'])).toEqual([])
  })

  it('names metrics that exist', async () => {
    const metrics = await createMetrics().registry.getMetricsAsJSON()
    const named = quoted(text).flatMap((code) =>
      matches(code, /^([a-z]+(?:_[a-z]+)*_(?:total|duration_ms|duration_seconds)|session_active)(?:\{[a-z_,]+\})?$/g),
    )
    expect(
      unknown(
        named,
        metrics.map(({ name }) => name),
      ),
    ).toEqual([])
  })

  it('names files and folders that exist', () => {
    const paths = quoted(text).filter((code) =>
      /^(?:src|workflows|activities|migrations|test|scripts)\/[\w./-]*$/.test(code),
    )
    expect([...new Set(paths)].filter((path) => !existsSync(join(projectRoot, path)))).toEqual([])
  })

  it('names routes that exist', () => {
    const named = quoted(text).flatMap((code) => matches(code, /^(?:GET|POST|PATCH|DELETE) (\/[^\s?]*)$/g))
    const sources = textBelow('src/http') + textBelow('src/providers') + textBelow('src/simulator')
    // The singular form of a webhook's address is written nowhere: `bothForms` makes it of the plural one.
    const twofold = (path: string) => `bothForms('${path.replace(/^\/webhook\//, '/webhooks/')}')`
    const isServed = (path: string) => sources.includes(`'${path}'`) || sources.includes(twofold(path))
    expect([...new Set(named)].filter((path) => !isServed(path))).toEqual([])
  })

  it('names no place of one machine', () => {
    expect(text).not.toMatch(/(?:^|[\s`(])\/(?:work|root|home)\//m)
  })
})

describe('README.md', () => {
  it('shows the lines that npm start prints', () => {
    const { demoPassword } = loadConfig({}).identity
    const line = startLine('http://127.0.0.1:8000', { email: 'lead@acme.test', password: demoPassword })
    expect(read('README.md')).toContain(line)
    expect(read('README.md')).toContain(endLine('http://127.0.0.1:8000'))
  })

  it('names what points a process at the simulator', () => {
    const settings = Object.entries(simulatedTavus('http://127.0.0.1:4010')).map(([name, value]) => `${name}=${value}`)
    expect(read('README.md')).toContain(settings.join('\n'))
  })

  it('names every command', () => {
    const commands = Object.keys(scripts).filter((name) => !['start', 'test'].includes(name))
    expect(unknown(commands, matches(read('README.md'), /\bnpm run ([\w:-]+)/g))).toEqual([])
  })
})

describe('ARCHITECTURE.md', () => {
  it('has a line for every folder of the sources', () => {
    const text = read('ARCHITECTURE.md')
    const folders = ['workflows', 'activities', 'migrations', 'src', ...foldersBelow('src')]
    expect(folders.filter((folder) => !text.includes(`\n${folder}/ `))).toEqual([])
  })
})

describe('docker-compose.yml', () => {
  /** What it fixes by itself, and what only the embedded servers of npm start read. */
  const notPassedOn = ['HOST', 'DB_CONNECTION_STRING', 'TEMPORAL_CLI_PATH', 'DEMO_PASSWORD']

  it('hands every setting on, and none that is not read', () => {
    const settings = matches(compose, /^ {2,6}([A-Z][A-Z0-9_]+):/gm)
    expect(unknown(Object.keys(variables), [...settings, ...notPassedOn])).toEqual([])
    const shared = compose.slice(compose.indexOf('x-settings'), compose.indexOf('x-application'))
    expect(unknown(matches(shared, /^ {2}([A-Z][A-Z0-9_]+):/gm), Object.keys(variables))).toEqual([])
  })

  it('has no default for a secret', () => {
    const secrets = matches(compose, /\$\{([A-Z_]*(?:PASSWORD|SECRET)\b[^}]*)\}/g)
    expect(secrets.filter((secret) => !secret.includes(':?'))).toEqual([])
    expect(secrets.length).toBeGreaterThan(0)
  })

  it('registers the search attributes that sessions carry', () => {
    for (const name of Object.keys(searchAttributeDefinitions)) expect(compose).toContain(name)
  })
})
