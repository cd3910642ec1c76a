import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** A file of JSON lines that is appended to. */
export interface LineFile {
  /** Reads what is there and begins anew with what `compact` makes of it. */
  open: (compact: (lines: unknown[]) => unknown[]) => void
  append: (line: unknown) => void
  flush: () => void
  clear: () => void
  close: () => void
}

/** Without a file nothing outlives the process. */
export const noLineFile: LineFile = { open() {}, append() {}, flush() {}, clear() {}, close() {} }

/** Loses at most this much of what no answer depends on. */
const flushMs = 50

/** A journal on disk; a killed process leaves at most its last line cut off. */
export function createLineFile(path: string): LineFile {
  let file: number | undefined
  let lines: string[] = []
  let timer: NodeJS.Timeout | undefined

  function flush() {
    clearTimeout(timer)
    timer = undefined
    if (lines.length === 0 || file === undefined) return
    writeSync(file, lines.join(''))
    lines = []
  }

  return {
    open(compact) {
      mkdirSync(dirname(path), { recursive: true })
      const before = existsSync(path) ? readLines(readFileSync(path, 'utf8')) : []
      writeFileSync(`${path}.new`, compact(before).map(toLine).join(''))
      renameSync(`${path}.new`, path)
      file = openSync(path, 'a')
    },
    append(line) {
      lines.push(toLine(line))
      timer ??= setTimeout(flush, flushMs)
    },
    flush,
    clear() {
      lines = []
      if (file !== undefined) ftruncateSync(file)
    },
    close() {
      flush()
      if (file !== undefined) closeSync(file)
      file = undefined
    },
  }
}

const toLine = (value: unknown) => `${JSON.stringify(value)}\n`

const readLines = (text: string) =>
  text.split('\n').flatMap((line) => {
    if (line === '') return []
    try {
      return [JSON.parse(line) as unknown]
    } catch {
      return []
    }
  })
