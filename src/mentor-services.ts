import type { Logger } from './observability/logger.js'
import { createMentorEvents } from './observability/mentor-events.js'
import type { Database } from './store/database.js'
import { createGoalStore } from './store/goals.js'
import { createAvatarStore } from './store/mentor-avatars.js'
import { createPersonalContext } from './store/personal-context.js'
import { createUserContexts } from './store/user-contexts.js'

export interface MentorServiceOptions {
  database: Database
  /** How long contexts and avatars are kept in memory; 0 keeps nothing. */
  cacheMs: number
  log: Logger
}

/** What mentor sessions know of their users, and where users say it. */
export function createMentorServices({ database, cacheMs, log }: MentorServiceOptions) {
  const contexts = createUserContexts({ database, cacheMs })
  return {
    ...createPersonalContext(database),
    goals: createGoalStore(database),
    avatars: createAvatarStore(database, { cacheMs }),
    contexts,
    activityDeps: { contexts, events: createMentorEvents(log) },
  }
}

export type MentorServices = ReturnType<typeof createMentorServices>
