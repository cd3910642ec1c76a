import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs of a name on PATH, in its order. */
export function onPath(program: string, env: Record<string, string | undefined>): string[] {
  const extension = process.platform === 'win32' ? '.exe' : ''
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, program + extension)).filter((path) => existsSync(path))
}
