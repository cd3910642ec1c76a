import { join } from 'node:path'
import type { CallbackEvent, Conversation, ConversationPatch, Delivery } from './conversation.js'
import { createLineFile } from './line-file.js'

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

/** Ended conversations beyond these are forgotten at a start, or a checkout would collect them for ever. */
const keptEnded = 10_000

/** The truth as lines of JSON in a folder, appended to; a start makes one line of each conversation. */
export function createJournal(folder: string): Journal {
  const { open, ...file } = createLineFile(join(folder, 'simulator-journal.jsonl'))
  return {
    ...file,
    open() {
      let conversations: Conversation[] = []
      open((lines) => {
        conversations = replay(lines as JournalLine[])
        return conversations.map((created) => ({ created }))
      })
      return conversations
    },
  }
}

function replay(lines: JournalLine[]): Conversation[] {
  const byId = new Map<string, Conversation>()
  for (const line of lines) apply(byId, line)
  const ended = [...byId.values()].filter((conversation) => conversation.status === 'ended')
  for (const old of ended.slice(0, Math.max(0, ended.length - keptEnded))) byId.delete(old.id)
  return [...byId.values()]
}

function apply(byId: Map<string, Conversation>, line: JournalLine): void {
  if ('created' in line) return void byId.set(line.created.id, line.created)
  const conversation = byId.get(line.id)
  if (conversation === undefined) return
  if ('set' in line) Object.assign(conversation, line.set)
  else if ('event' in line) conversation.events.push(line.event)
  else conversation.deliveries.push(line.delivery)
}
