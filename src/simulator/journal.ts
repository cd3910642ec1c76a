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
import { join } from 'node:path'
import type { CallbackEvent, Conversation, ConversationPatch, Delivery } from './conversation.js'

/** One line of the journal. */
export type JournalLine =
  | { created: Conversation }
  | { id: string; set: ConversationPatch }
  | { id: string; event: CallbackEvent }
  | { id: string; delivery: Delivery }

export interface Journal {
  /** What the journal says of before; afterwards it is open for more. */
  open: () => Conversation[]
  append: (line: JournalLine) => void
  flush: () => void
  clear: () => void
  close: () => void
}

/** Without a folder nothing outlives the process. */
export const noJournal: Journal = { open: () => [], append() {}, flush() {}, clear() {}, close() {} }

/** Loses at most this much of what no answer depends on. */
const flushMs = 50

/** Ended conversations beyond these are forgotten at a start, or a checkout would collect them for ever. */
const keptEnded = 10_000

/** The truth as lines of JSON in a folder, appended to; a start makes one line of each conversation. */
export function createJournal(folder: string): Journal {
  const path = join(folder, 'simulator-journal.jsonl')
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
    open() {
      mkdirSync(folder, { recursive: true })
      const conversations = existsSync(path) ? replay(readFileSync(path, 'utf8')) : []
      const compact = conversations.map((created) => `${JSON.stringify({ created })}\n`)
      writeFileSync(`${path}.new`, compact.join(''))
      renameSync(`${path}.new`, path)
      file = openSync(path, 'a')
      return conversations
    },
    append(line) {
      lines.push(`${JSON.stringify(line)}\n`)
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

function replay(text: string): Conversation[] {
  const byId = new Map<string, Conversation>()
  for (const line of text.split('\n')) {
    const read = line === '' ? undefined : readLine(line)
    if (read !== undefined) apply(byId, read)
  }
  const ended = [...byId.values()].filter((conversation) => conversation.status === 'ended')
  for (const old of ended.slice(0, Math.max(0, ended.length - keptEnded))) byId.delete(old.id)
  return [...byId.values()]
}

/** The last line of a killed process may be cut off. */
function readLine(line: string): JournalLine | undefined {
  try {
    return JSON.parse(line) as JournalLine
  } catch {
    return undefined
  }
}

function apply(byId: Map<string, Conversation>, line: JournalLine): void {
  if ('created' in line) return void byId.set(line.created.id, line.created)
  const conversation = byId.get(line.id)
  if (conversation === undefined) return
  if ('set' in line) Object.assign(conversation, line.set)
  else if ('event' in line) conversation.events.push(line.event)
  else conversation.deliveries.push(line.delivery)
}
