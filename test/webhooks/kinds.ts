import { callKinds } from './call-kinds.js'
import { conversationKinds } from './conversation-kinds.js'
import type { Kind } from './kind.js'
import { officeKinds } from './office-kinds.js'

/** Every event of every provider that has an effect of its own, and one that is only recorded. */
export const kinds: readonly Kind[] = [...conversationKinds, ...callKinds, ...officeKinds]
