import { spawnSync } from 'node:child_process'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** What a checkout without git does not count: what is made here. */
const made = /^(?:node_modules|dist|\.parley|coverage|\.env|\.git)(?:\/|$)/
const largestBytes = 5_000_000

/** Every text file of the repository: what git tracks or, where there is no git, what lies there and is not made. */
export function trackedFiles(root: string): { file: string; text: string }[] {
  return namesOf(root).flatMap((file) => {
    const path = join(root, file)
    // A link, or a file that was removed and not yet committed.
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (!found?.isFile() || found.size > largestBytes) return []
    const bytes = readFileSync(path)
    return bytes.includes(0) ? [] : [{ file, text: bytes.toString('utf8') }]
  })
}

function namesOf(root: string): string[] {
  const git = spawnSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  if (git.status === 0 && git.stdout !== '') return git.stdout.split('\0').filter((name) => name !== '')
  return below(root, root)
}

function below(root: string, folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    const name = relative(root, path)
    if (made.test(name)) return []
    if (entry.isDirectory()) return below(root, path)
    return entry.isFile() ? [name] : []
  })
}
