import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectRoot } from '../../src/dev/documents.js'
import { foreignEnvironment } from '../../src/dev/environment.js'

const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}

/** Runs a command of package.json as npm does, with nothing configured; a set variable wins over .env. */
function runScript(name: string, args = '') {
  const env = foreignEnvironment({ DATABASE_URL: '', DB_CONNECTION_STRING: '', PORT: '0' })
  return spawnSync('sh', ['-c', `${scripts[name]} ${args}`], {
    cwd: projectRoot,
    env,
    encoding: 'utf8',
    timeout: 20_000,
  })
}

describe.each(['api', 'worker'])('npm run %s', (name) => {
  it('refuses to guess a database, and says nothing else', () => {
    const { status, stdout, stderr } = runScript(name)
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '',
      stderr: 'configuration:\n  DATABASE_URL: is required; only npm start brings up a database itself\n',
    })
  })
})

describe('npm run simulator', () => {
  it('explains its options', () => {
    const { status, stdout, stderr } = runScript('simulator', '--help')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    for (const option of ['--port', '--host', '--data-dir', '--tavus-api-key', '--seed', '--public-url'])
      expect(stdout).toContain(option)
  })

  it('says nothing of an environment file that is not there', () => {
    expect(runScript('simulator', '--port none').stderr).toBe(
      'simulator: --port must be a whole number from 0 to 65535, not "none"\n',
    )
  })
})

describe('the commands of package.json', () => {
  it('run files that exist', () => {
    const files = Object.values(scripts).flatMap((script) => script.match(/\bscripts\/[\w-]+\.mjs/g) ?? [])
    expect(files.length).toBeGreaterThan(5)
    expect(files.filter((file) => !existsSync(join(projectRoot, file)))).toEqual([])
  })
})
