import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { childEnvironment } from '../../src/dev/environment.js'
import { projectRoot } from '../../src/dev/documents.js'
import { freePort } from '../../src/dev/ports.js'
import { metricsSnapshot } from '../../src/dev/metrics-snapshot.js'
import { type Family, parseExposition, type Sample } from '../../src/observability/exposition.js'
import { call, eventually, login } from '../support/client.js'
import { parsePromql } from '../support/promql.js'
import { type Stack, startStack } from '../support/stack.js'

let stack: Stack
let families: Map<string, Family>

const read = async () =>
  new Map(parseExposition(await (await fetch(`${stack.url}/metrics`)).text()).map((family) => [family.name, family]))
const samplesOf = (name: string, which: (sample: Sample) => boolean = () => true) =>
  (families.get(name)?.samples ?? []).filter(which)
const valueOf = (name: string, labels: Record<string, string> = {}, part = name) =>
  samplesOf(
    name,
    (sample) => sample.name === part && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  )
    .map(({ value }) => value)
    .reduce((sum, value) => sum + value, 0)

beforeAll(async () => {
  stack = await startStack({
    env: { LOGIN_RATE_LIMIT: '3/minute', SESSION_ARTIFACT_WAIT_SECONDS: '1', RATE_LIMIT_ANONYMOUS: '100000/minute' },
  })
  const token = await login(stack.url)
  const { body } = await call(`${stack.url}/sessions`, { token, body: { provider: 'tavus' } })
  const { session_id: sessionId } = body as { session_id: string }
  await call(`${stack.url}/sessions/${sessionId}/end`, { token })
  await call(`${stack.url}/sessions/${sessionId}`, { method: 'GET', token })
  await call(`${stack.url}/sessions/${sessionId}`, { method: 'GET', token })
  for (let n = 0; n < 2; n++)
    await call(`${stack.url}/auth/login`, { body: { email: 'x@acme.test', password: 'wrong' } })
  await call(`${stack.url}/auth/login`, { body: { email: 'x@acme.test', password: 'wrong' } })
  families = await eventually(read, (all) => {
    families = all
    return valueOf('session_ended_total') === 1 && valueOf('worker_task_total', { name: 'endConversation' }) === 1
  })
}, 180_000)
afterAll(() => stack?.stop())

describe('metrics of a running Parley @integration', () => {
  it('count what happened, by the patterns of routes', () => {
    const requests = (route: string, method: string, status: string) =>
      valueOf('http_requests_total', { route, method, status })
    expect(requests('/sessions', 'POST', '201')).toBe(1)
    expect(requests('/sessions/:session_id/end', 'POST', '200')).toBe(1)
    expect(requests('/sessions/:session_id', 'GET', '200')).toBe(2)
    expect(requests('/auth/login', 'POST', '200')).toBe(1)
    expect(
      valueOf('http_request_duration_ms', { route: '/sessions/:session_id' }, 'http_request_duration_ms_count'),
    ).toBe(2)
    const raw = samplesOf('http_requests_total').filter(({ labels }) => /[0-9a-f]{8}-/.test(labels.route ?? ''))
    expect(raw).toEqual([])
  })

  it('count sessions, their steps, and what providers were asked', () => {
    expect(valueOf('session_started_total', { provider: 'tavus' })).toBe(1)
    expect(valueOf('session_ended_total', { provider: 'tavus', reason: 'user' })).toBe(1)
    expect(valueOf('session_active')).toBe(0)
    expect(valueOf('worker_task_total', { name: 'createConversation', status: 'completed' })).toBe(1)
    expect(valueOf('worker_task_duration_ms', { name: 'createConversation' }, 'worker_task_duration_ms_count')).toBe(1)
    const asked = { provider: 'tavus', operation: 'create', status: '200' }
    const operations = samplesOf('provider_request_duration_ms').map(({ labels }) => labels.operation)
    expect(operations).toContain('create')
    expect(valueOf('provider_request_duration_ms', asked, 'provider_request_duration_ms_count')).toBe(1)
  })

  it('count what limits refused', () => {
    expect(valueOf('rate_limit_hits_total')).toBe(
      valueOf('http_requests_total', { route: '/auth/login', status: '429' }),
    )
    expect(valueOf('rate_limit_hits_total')).toBeGreaterThan(0)
  })

  it('have the Temporal SDK’s own beside them, and every name once', async () => {
    expect([...families.keys()].filter((name) => name.startsWith('temporal_')).length).toBeGreaterThan(10)
    const text = await (await fetch(`${stack.url}/metrics`)).text()
    const types = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
    expect(types.filter((name, at) => types.indexOf(name) !== at)).toEqual([])
  })
})

const file = (path: string) => readFileSync(join(projectRoot, path), 'utf8')
const alerts = [...file('deploy/alerts.yml').matchAll(/^ {8}expr: (.+)$/gm)].map(([, expr = '']) => expr)
interface Dashboard {
  uid: string
  panels: { id: number; title: string; targets?: { expr: string; legendFormat: string }[] }[]
}
const dashboard = JSON.parse(file('deploy/grafana/dashboards/parley.json')) as Dashboard
const targets = dashboard.panels.flatMap(({ targets = [] }) => targets)

/** Of the scrape, and of the text format itself. */
const ofPrometheus = new Set(['job', 'instance', 'le'])

/** The metric, however much of a histogram is asked for. */
const familyOf = (metric: string) => families.get(metric) ?? families.get(metric.replace(/_(?:bucket|sum|count)$/, ''))

function problemsOf(expr: string): string[] {
  return parsePromql(expr).flatMap(({ metric, labels }) => {
    if (metric === 'up') return labels.filter((label) => !ofPrometheus.has(label))
    const family = familyOf(metric)
    if (!family) return [`there is no ${metric}`]
    const known = new Set([
      ...ofPrometheus,
      ...documented(family.name),
      ...family.samples.flatMap(({ labels }) => Object.keys(labels)),
    ])
    return labels.filter((label) => !known.has(label)).map((label) => `${metric} has no ${label}`)
  })
}

/** Labels of a metric that has not been counted yet stand in the document, which is generated. */
function documented(name: string): string[] {
  const row = file('docs/metrics.md')
    .split('\n')
    .find((line) => line.startsWith(`| \`${name}\` `))
  return [...(row?.split('|')[3] ?? '').matchAll(/`(\w+)`/g)].map(([, label = '']) => label)
}

describe('deploy/ @integration', () => {
  it.each(alerts)('alerts by what is there: %s', (expr) => {
    expect(problemsOf(expr)).toEqual([])
  })

  it.each(targets.map(({ expr }) => expr))('shows what is there: %s', (expr) => {
    expect(problemsOf(expr)).toEqual([])
  })

  it('has rules with a summary, panels with titles, and legends of labels that the query keeps', () => {
    expect(alerts.length).toBeGreaterThan(10)
    const rules = file('deploy/alerts.yml').split('- alert: ').slice(1)
    expect(
      rules.filter((rule) => !/severity: (?:critical|warning|info)/.test(rule) || !/summary: '.+'/.test(rule)),
    ).toEqual([])
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    for (const { expr, legendFormat } of targets)
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        expect(['instance', ...parsePromql(expr).flatMap(({ labels }) => labels)]).toContain(label)
  })

  it('finds what is wrong', () => {
    expect(problemsOf('sum by (nobody) (rate(no_such_total[5m]))')).toEqual(['there is no no_such_total'])
    expect(problemsOf('sum by (nobody) (rate(http_requests_total{state="1"}[5m]))')).toEqual([
      'http_requests_total has no state',
      'http_requests_total has no nobody',
    ])
    for (const wrong of ['sum(rate(x[5m])', 'rate(x[5 m])', 'nothing(x)', 'x{a=1}', '1 > 0', 'x}'])
      expect(() => parsePromql(wrong), wrong).toThrow()
  })

  it('scrapes the services of docker-compose.yml on the ports that they have', () => {
    const compose = file('docker-compose.yml')
    const jobs = [...file('deploy/prometheus.yml').matchAll(/names: \[(\w+)\][\s\S]*?port: (\d+)/g)]
    expect(jobs.map(([, service, port]) => [service, port])).toEqual([
      ['api', '8000'],
      ['worker', '9464'],
    ])
    expect(compose).toContain("PORT: '8000'")
    expect(compose).toContain("PARLEY_WORKER_METRICS_PORT: '9464'")
    for (const [, path = ''] of compose.matchAll(/- \.\/(deploy\/[\w./-]+):/g))
      expect(existsSync(join(projectRoot, path))).toBe(true)
  })

  const hasCompose = spawnSync('docker', ['compose', 'version']).status === 0
  it.skipIf(!hasCompose)('is a composition that docker takes', () => {
    const needed = ['POSTGRES_PASSWORD', 'PARLEY_OWNER_PASSWORD', 'PARLEY_APP_PASSWORD', 'TEMPORAL_DB_PASSWORD']
    const env = Object.fromEntries(
      [...needed, 'JWT_SECRET', 'PUBLIC_URL', 'GRAFANA_ADMIN_PASSWORD'].map((name) => [name, 'x']),
    )
    const args = ['compose', '--profile', 'observability', 'config', '--quiet']
    const { status, stderr } = spawnSync('docker', args, { cwd: projectRoot, env: childEnvironment(env) })
    expect([status, String(stderr)]).toEqual([0, ''])
  })
})

describe('npm run metrics:snapshot @integration', () => {
  async function snapshot(...args: string[]) {
    const written = { out: '', err: '' }
    const status = await metricsSnapshot(args, {
      out: (text) => (written.out += `${text}\n`),
      err: (text) => (written.err += `${text}\n`),
    })
    return { status, ...written }
  }

  it('shows a table: counters, and of a histogram how many and how long on average', async () => {
    const { status, out } = await snapshot(stack.url)
    expect(status).toBe(0)
    const line = (start: RegExp) => out.split('\n').find((text) => start.test(text)) ?? ''
    expect(line(/session_started_total/)).toMatch(/provider=tavus +│ 1 /)
    expect(line(/worker_task_duration_ms +│ name=createConversation/)).toMatch(/1 of [\d.]+ on average/)
    expect(out).not.toMatch(/process_|temporal_|_bucket/)
    expect((await snapshot(stack.url, '--all')).out).toMatch(/process_resident_memory_bytes/)
  })

  it('gives JSON that says when, of whom, and every sample', async () => {
    const { status, out } = await snapshot(`${stack.url}/metrics`, '--format=json')
    const { at, url, metrics } = JSON.parse(out) as { at: string; url: string; metrics: Family[] }
    expect(status).toBe(0)
    expect(url).toBe(`${stack.url}/metrics`)
    expect(new Date(at).toISOString()).toBe(at)
    const started = metrics.find(({ name }) => name === 'session_started_total')
    expect(started).toMatchObject({ type: 'counter', samples: [{ labels: { provider: 'tavus' }, value: 1 }] })
  })

  it.each([
    [['nonsense'], '"nonsense" is no http or https URL'],
    [['ftp://x/'], '"ftp://x/" is no http or https URL'],
    [['--format=xml'], '--format must be table or json, not "xml"'],
    [['--wide'], 'there is no option --wide'],
    [['http://a/', 'http://b/'], 'one URL is enough: http://b/ is a second one'],
  ])('refuses %j with status 2', async (args, message) => {
    const { status, out, err } = await snapshot(...args)
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(err).toContain(message)
  })

  it('ends with status 1 when nobody is there, or what is there has no metrics', async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`
    expect(await snapshot(nobody)).toMatchObject({
      status: 1,
      err: `metrics:snapshot: ${nobody}/metrics cannot be reached: ECONNREFUSED; does Parley run there?\n`,
    })
    expect((await snapshot(`${stack.url}/nowhere`)).err).toContain('/nowhere answered 404: these are no metrics')
    const other = createServer((_, response) => response.end('<html>hello</html>')).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { status, err } = await snapshot(`http://127.0.0.1:${(other.address() as AddressInfo).port}`)
    other.close()
    expect({ status, err }).toEqual({ status: 1, err: 'metrics:snapshot: line 1 is no sample: <html>hello</html>\n' })
  })
})
