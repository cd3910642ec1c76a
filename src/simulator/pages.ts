import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder with package.json, from the sources as from the build. */
function projectRoot(): string {
  const from = dirname(fileURLToPath(import.meta.url))
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (dirname(folder) === folder) throw new Error(`no package.json above ${from}`)
  }
}

const types = { html: 'text/html', css: 'text/css', js: 'text/javascript' } as const

export type PageFile = 'room.html' | 'room.css' | 'room.js'

/** The static files of the room, read once. */
export function readPages(): Record<PageFile, { type: string; body: string }> {
  const folder = join(projectRoot(), 'src', 'simulator', 'pages')
  const read = (file: PageFile) => ({
    type: `${types[file.split('.')[1] as keyof typeof types]}; charset=utf-8`,
    body: readFileSync(join(folder, file), 'utf8'),
  })
  return { 'room.html': read('room.html'), 'room.css': read('room.css'), 'room.js': read('room.js') }
}
