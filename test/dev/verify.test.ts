import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.js'
import { projectRoot } from '../../src/dev/documents.js'
import { verifyParts } from '../../src/dev/verify/parts.js'
import { acceptedPlaceholders, secretNames } from '../../src/dev/verify/placeholders.js'
import { runParts } from '../../src/dev/verify/runner.js'
import { findSecrets, findValues } from '../../src/dev/verify/secrets.js'
import { trackedFiles } from '../../src/dev/verify/tracked-files.js'

describe('npm run verify @unit', () => {
  it('is made of scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining([...verifyParts]))
    const foundations = scripts['verify:foundations']?.split('main.js ')[1]?.split(' ') ?? []
    expect(foundations).toEqual(['format:check', 'lint', 'typecheck', 'boundaries', 'docs:check'])
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(foundations))
  })

  it('runs what comes after a failed part, and fails', async () => {
    const ran: string[] = []
    const said: string[] = []
    let clock = 0
    const run = (part: string) => {
      ran.push(part)
      clock += 2_000
      return Promise.resolve(part === 'b' ? 3 : 0)
    }
    const status = await runParts({ parts: ['a', 'b', 'c'], run, out: (text) => said.push(text), now: () => clock })
    expect([status, ran]).toEqual([1, ['a', 'b', 'c']])
    expect(said.at(-2)).toMatch(/│ a +│ passed +│ 2 +│\n│ b +│ FAILED \(3\) +│ 2 +│\n│ c +│ passed/)
    expect(said.at(-1)).toBe('2 passed, 1 failed')
  })

  it('passes when every part did', async () => {
    const options = { run: () => Promise.resolve(0), out: () => undefined }
    expect(await runParts({ parts: ['a', 'b'], ...options })).toBe(0)
  })
})

// Put together here, so that this file holds none itself.
const made = {
  aws: ['AKIA', 'Q3EXAMPLEQ3EXAMP'].join(''),
  github: ['ghp_', 'a1B2'.repeat(9)].join(''),
  slack: ['xoxb-', '1234567890-abcdefghij'].join(''),
  pem: ['-----BEGIN PRIVATE', ` KEY-----\n${'MIIE'.repeat(10)}`].join(''),
}

describe('npm run verify:secrets @unit', () => {
  it.each(Object.entries(made))('finds a secret of %s, by its line', (_, secret) => {
    const found = findSecrets('a.ts', `one\ntwo\nconst x = '${secret}'`)
    expect(found).toMatchObject([{ file: 'a.ts', line: 3 }])
    expect(JSON.stringify(found)).not.toContain(secret)
  })

  it('finds values of secret variables, and no references', () => {
    const values = (text: string) => findValues('.env.example', text, secretNames).map(({ line, what }) => [line, what])
    expect(values('#JWT_SECRET=\nPORT=8000\n  JWT_SECRET: ${JWT_SECRET:?set it}')).toEqual([])
    expect(values('A=1\n#JWT_SECRET=something')).toEqual([[2, 'a value of JWT_SECRET']])
    expect(values('DATABASE_URL: postgres://parley:${PASSWORD}@db/parley')).toEqual([])
    expect(values('DATABASE_URL: postgres://parley:hunter2@db/parley')).toEqual([[1, 'a value of DATABASE_URL']])
  })

  it('reads the whole repository, and nothing that is made', () => {
    const names = trackedFiles(projectRoot).map(({ file }) => file)
    expect(names).toEqual(expect.arrayContaining(['package.json', '.env.example', 'src/config.ts']))
    expect(names.filter((name) => /^(node_modules|dist|\.parley)\//.test(name))).toEqual([])
  })

  it('knows that production takes no placeholder, and notices one that would', () => {
    expect(acceptedPlaceholders()).toEqual([])
    const careless = (env: Record<string, string>) => loadConfig({ ...env, NODE_ENV: 'development' })
    expect(acceptedPlaceholders(careless)).toContain('BLAND_WEBHOOK_SECRET=placeholder')
  })
})
