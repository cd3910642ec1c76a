import './node-version.mjs'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureDependencies } from './dependencies.mjs'
import { alone, fail, root, run, step } from './steps.mjs'

const dist = join(root, 'dist')
const stamp = join(dist, '.stamp')
const sourceFolders = ['src', 'workflows', 'activities', 'migrations']
const sourceFiles = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs']

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort()
}

const sources = () => [...sourceFolders.flatMap((folder) => filesBelow(join(root, folder))), ...sourceFiles]

/** Times and sizes: reading every file would cost more than it saves. */
function fingerprint(files) {
  const hash = createHash('sha256')
  for (const file of files) {
    const { mtimeMs, size } = statSync(join(root, file))
    hash.update(`${file}\0${mtimeMs}\0${size}\n`)
  }
  return hash.digest('hex')
}

/** { fingerprint, files } of the last whole build. */
function lastBuild() {
  try {
    return JSON.parse(readFileSync(stamp, 'utf8'))
  } catch {
    return undefined
  }
}

function compile() {
  const args = [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json']
  const whatToDo = 'The sources have type errors: correct them, and start again.'
  return run(process.execPath, args, { log: join(root, '.parley', 'build.log'), whatToDo })
}

/** Pages and plain modules go along as they are. */
function copyAssets(files) {
  for (const file of files.filter(
    (name) => !/\.ts$/.test(name) && sourceFolders.some((folder) => name.startsWith(folder)),
  )) {
    mkdirSync(dirname(join(dist, file)), { recursive: true })
    copyFileSync(join(root, file), join(dist, file))
  }
}

async function bundleWorkflows() {
  const { bundleWorkflowCode } = await import('@temporalio/worker')
  const quiet = () => undefined
  const logger = { trace: quiet, debug: quiet, info: quiet, log: quiet, warn: console.warn, error: console.error }
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(dist, 'workflows', 'index.js'),
    workflowInterceptorModules: [join(dist, 'workflows', 'tracing.js')],
    preloadModules: ['@opentelemetry/semantic-conventions'],
    logger,
  })
  writeFileSync(join(dist, 'workflow-bundle.js'), code)
}

async function build(files) {
  const last = lastBuild()
  // What was deleted in the sources must not live on in the output.
  if (!last || last.files.some((file) => !files.includes(file))) rmSync(dist, { recursive: true, force: true })
  rmSync(stamp, { force: true })
  const before = fingerprint(files)
  await compile()
  copyAssets(files)
  await bundleWorkflows()
  writeFileSync(stamp, JSON.stringify({ fingerprint: before, files }))
}

/** Installs and builds what is missing or older than the sources. */
export async function ensureBuilt() {
  await alone(async () => {
    await ensureDependencies()
    const files = sources()
    if (existsSync(stamp) && lastBuild()?.fingerprint === fingerprint(files)) return
    await step('build', () => build(files))
  })
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await ensureBuilt().catch(fail)
