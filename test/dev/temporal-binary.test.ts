import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { buildTemporal } from '../../src/dev/temporal-build.js'
import { findTemporal, temporalCachePath } from '../../src/dev/temporal-binary.js'
import type { TemporalSource } from '../../src/dev/temporal-source.js'
import { temporaryFolder } from './folder.js'

const current = 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)'

function fakeProgram(path: string, script: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
  return path
}
const fakeTemporal = (path: string, answer = current) => fakeProgram(path, `echo '${answer}'`)

/** A machine with nothing on PATH and an empty cache. */
function machine() {
  const folder = temporaryFolder()
  const env = { PATH: join(folder, 'bin'), XDG_CACHE_HOME: join(folder, 'cache'), HOME: folder }
  const said: string[] = []
  const asked: string[] = []
  const source =
    (name: string, finds: boolean): TemporalSource =>
    ({ target }) => {
      asked.push(name)
      if (finds) fakeTemporal(target)
      return Promise.resolve(finds ? { found: true } : { found: false, why: `${name}: no way` })
    }
  const find = (more: Parameters<typeof findTemporal>[0] = {}) =>
    findTemporal({ env, say: (message) => said.push(message), sources: [], ...more })
  return {
    folder,
    env,
    said,
    asked,
    source,
    find,
    cached: temporalCachePath(env),
    onPath: join(folder, 'bin', 'temporal'),
  }
}

describe('the Temporal server', () => {
  it('is the one of TEMPORAL_CLI_PATH before any other', async () => {
    const { folder, find, onPath } = machine()
    fakeTemporal(onPath)
    const given = fakeTemporal(join(folder, 'given'))
    expect(await find({ cliPath: given })).toBe(given)
  })

  it('is never another one when TEMPORAL_CLI_PATH names one that does not run', async () => {
    const { folder, find, onPath } = machine()
    fakeTemporal(onPath)
    await expect(find({ cliPath: join(folder, 'nowhere') })).rejects.toThrow(
      /TEMPORAL_CLI_PATH=.*there is no such file/,
    )
  })

  it('is the one on PATH, then the cached one', async () => {
    const { find, onPath, cached } = machine()
    fakeTemporal(cached)
    expect(await find()).toBe(cached)
    fakeTemporal(onPath)
    expect(await find()).toBe(onPath)
  })

  it('is not one on PATH that is too old, and that is said', async () => {
    const { find, onPath, cached, said } = machine()
    fakeTemporal(onPath, 'temporal version 0.11.0 (Server 1.22.4, UI 2.21.3)')
    fakeTemporal(cached)
    expect(await find()).toBe(cached)
    expect(said).toEqual([expect.stringContaining('server 1.22 is older than 1.28')])
  })

  it('is fetched into the cache when there is none, by the first way that works', async () => {
    const { find, source, asked, cached } = machine()
    const sources = [source('download', false), source('build', true), source('never', true)]
    expect(await find({ sources })).toBe(cached)
    expect(asked).toEqual(['download', 'build'])
  })

  it('is missing with every reason and what to do', async () => {
    const { find, source } = machine()
    const failure = find({ sources: [source('download', false), source('build', false)] })
    await expect(failure).rejects.toThrow(/download: no way[^]*build: no way[^]*install Go[^]*TEMPORAL_ADDRESS/)
  })
})

describe('building it', () => {
  it('happens once when two start at once, and puts the whole program into the cache', async () => {
    const { folder, env, cached } = machine()
    const log = join(folder, 'builds')
    const go = `echo built >> ${log}; sleep 0.3; printf '#!/bin/sh\\necho "${current}"\\n' > "$GOBIN/temporal"; chmod 755 "$GOBIN/temporal"`
    fakeProgram(join(env.PATH, 'go'), go)
    // The script needs sleep and chmod.
    const withSystem = { ...env, PATH: `${env.PATH}:/usr/bin:/bin` }
    const build = () => buildTemporal({ version: '1.5.1', target: cached, env: withSystem, detail: () => undefined })
    expect(await Promise.all([build(), build()])).toEqual([{ found: true }, { found: true }])
    expect(readFileSync(log, 'utf8')).toBe('built\n')
    expect(readdirSync(dirname(cached))).toEqual(['temporal'])
  })

  it('tells what Go said when it fails, and leaves nothing', async () => {
    const { env, cached } = machine()
    fakeProgram(join(env.PATH, 'go'), `echo 'no route to host' >&2; exit 1`)
    const outcome = await buildTemporal({ version: '1.5.1', target: cached, env, detail: () => undefined })
    expect(outcome).toMatchObject({ found: false, why: expect.stringContaining('no route to host') as string })
    expect(existsSync(cached)).toBe(false)
  })
})
