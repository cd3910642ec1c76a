import type { CallbackEvent, Conversation, ConversationPatch, Delivery } from './conversation.js'
import type { Journal } from './journal.js'
import { SortedList } from './sorted-list.js'

/** All conversations: the only way to change one, so that nothing changes without the journal. */
export function createConversations(journal: Journal) {
  const byId = new Map<string, Conversation>()
  const lists = {
    all: new SortedList<Conversation>(),
    active: new SortedList<Conversation>(),
    ended: new SortedList<Conversation>(),
  }
  const byName = new Map<string, number>()
  const createdTwice = new Map<string, number>()
  let lastSeq = 0

  function index(conversation: Conversation) {
    byId.set(conversation.id, conversation)
    lastSeq = Math.max(lastSeq, conversation.seq)
    countName(conversation.name)
    if (conversation.deletedAt !== null) return
    lists.all.add(conversation)
    lists[conversation.status].add(conversation)
  }

  function countName(name: string | null) {
    if (name === null) return
    const count = (byName.get(name) ?? 0) + 1
    byName.set(name, count)
    if (count > 1) createdTwice.set(name, count)
  }

  function relist(conversation: Conversation, patch: ConversationPatch) {
    if (patch.status === 'ended') {
      lists.active.remove(conversation)
      lists.ended.add(conversation)
    }
    if (patch.deletedAt) for (const list of Object.values(lists)) list.remove(conversation)
  }

  return {
    find: (id: string): Conversation | undefined => byId.get(id),
    /** One that the provider's API still knows. */
    findListed: (id: string): Conversation | undefined => {
      const conversation = byId.get(id)
      return conversation?.deletedAt === null ? conversation : undefined
    },
    nextSeq: () => lastSeq + 1,
    all: () => byId.values(),
    list: (status: 'all' | 'active' | 'ended') => lists[status],
    runningCount: () => lists.active.size,
    counts: () => ({
      created: byId.size,
      running: lists.active.size,
      ended: byId.size - lists.active.size,
      created_twice: [...createdTwice].map(([conversation_name, count]) => ({ conversation_name, count })),
    }),
    insert(conversation: Conversation): void {
      index(conversation)
      journal.append({ created: conversation })
    },
    update(conversation: Conversation, patch: ConversationPatch): void {
      Object.assign(conversation, patch)
      relist(conversation, patch)
      journal.append({ id: conversation.id, set: patch })
    },
    addEvent(conversation: Conversation, event: CallbackEvent): void {
      conversation.events.push(event)
      journal.append({ id: conversation.id, event })
    },
    addDelivery(conversation: Conversation, delivery: Delivery): void {
      // After a reset nobody knows it any more.
      if (byId.get(conversation.id) !== conversation) return
      conversation.deliveries.push(delivery)
      journal.append({ id: conversation.id, delivery })
    },
    /** Called before an answer that says what was done. */
    flush: () => journal.flush(),
    restore(): Conversation[] {
      const conversations = journal.open()
      conversations.forEach(index)
      return conversations
    },
    clear(): void {
      for (const index of [byId, byName, createdTwice, ...Object.values(lists)]) index.clear()
      journal.clear()
    },
  }
}

export type Conversations = ReturnType<typeof createConversations>
