/** What a user tells of themself, for conversations that know them; every field may be missing. */
export interface Profile {
  preferredName: string | null
  pronouns: string | null
  occupation: string | null
  language: string | null
  /** IANA name, such as Europe/Berlin. */
  timezone: string | null
  about: string | null
}

/** How strongly each of the four styles of DISC shows, 0 to 100. */
export interface Disc {
  dominance: number
  influence: number
  steadiness: number
  conscientiousness: number
}

export interface Enneagram {
  /** 1 to 9. */
  type: number
  /** One of its two neighbours. */
  wing: number | null
}

export interface Onboarding {
  disc: Disc | null
  enneagram: Enneagram | null
}

export const tones = ['gentle', 'direct', 'playful', 'calm'] as const
export type Tone = (typeof tones)[number]
export const timesOfDay = ['morning', 'midday', 'evening', 'any'] as const
export type TimeOfDay = (typeof timesOfDay)[number]

export interface RitualPreferences {
  tone: Tone | null
  timeOfDay: TimeOfDay | null
  sessionMinutes: number | null
  opening: string | null
  closing: string | null
  topicsToAvoid: string[]
}

export interface EmotionalCategory {
  category: string
  /** 1 to 5. */
  intensity: number | null
  note: string | null
}

export const goalStatuses = ['active', 'paused', 'achieved', 'dropped'] as const
export type GoalStatus = (typeof goalStatuses)[number]

/** A goal as far as a conversation needs it. */
export interface ActiveGoal {
  title: string
  description: string | null
  /** YYYY-MM-DD. */
  targetDate: string | null
}

export interface Goal extends ActiveGoal {
  id: string
  userId: string
  status: GoalStatus
  createdAt: Date
  updatedAt: Date
}

/** Who speaks in a user's conversations, at the provider. */
export interface Persona {
  personaId: string | null
  replicaId: string | null
}

export interface PersonaSelection extends Persona {
  /** One of the company's avatars, whose persona and replica count where none is named here. */
  avatarId: string | null
}

/** An avatar that a company offers to its users. */
export interface Avatar extends Persona {
  id: string
  name: string
  description: string | null
  language: string | null
  imageUrl: string | null
  active: boolean
  metadata: Record<string, unknown>
  createdAt: Date
  updatedAt: Date
}

/** Everything that is known of a user; what was never said is undefined or empty. */
export interface ContextSources {
  profile?: Profile | undefined
  onboarding?: Onboarding | undefined
  preferences?: RitualPreferences | undefined
  categories: readonly EmotionalCategory[]
  goals: readonly ActiveGoal[]
}

/** Whether the wing is one of the type's two neighbours on the circle of nine. */
export const isWingOf = (type: number, wing: number): boolean => [1, 8].includes(Math.abs(type - wing))

/** How many entries a user may have, and a conversation is told. */
export const mostCategories = 20
export const mostGoalsTold = 10
