import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run, say, step } from './steps.mjs'

const modules = join(root, 'node_modules')
const stamp = join(modules, '.parley-lock')

const lockText = () => readFileSync(join(root, 'package-lock.json'), 'utf8')
const hash = (text) => createHash('sha256').update(text).digest('hex')

function stampedWith(expected) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === expected
}

/** Who ran `npm ci` by hand has it all: npm notes what it installed. Packages of other platforms are not there. */
function alreadyInstalled(lock) {
  const note = join(modules, '.package-lock.json')
  if (!existsSync(note)) return false
  const installed = JSON.parse(readFileSync(note, 'utf8')).packages ?? {}
  return Object.entries(JSON.parse(lock).packages).every(
    ([path, wanted]) =>
      path === '' ||
      wanted.optional ||
      wanted.devOptional ||
      wanted.peer ||
      installed[path]?.version === wanted.version,
  )
}

/** npm as it was called, else the one on PATH. */
function npm(args) {
  const cli = process.env.npm_execpath
  if (cli && /npm-cli\.[cm]?js$/.test(cli)) return [process.execPath, [cli, ...args]]
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', args]
}

/** Installs the dependencies when there are none, or other ones than package-lock.json names. */
export async function ensureDependencies() {
  const lock = lockText()
  const expected = hash(lock)
  if (stampedWith(expected)) return
  if (!alreadyInstalled(lock)) {
    say('installing the dependencies (about a minute, once)')
    // No script of a package is needed, and newer versions of npm ask before they run one.
    const [command, args] = npm([
      'ci',
      '--include=dev',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=warn',
    ])
    const whatToDo = 'Check that the npm registry can be reached (npm ping), and start again.'
    await step('dependencies', () => run(command, args, { log: join(root, '.parley', 'install.log'), whatToDo }))
  }
  writeFileSync(stamp, `${expected}\n`)
}
