import type { Actor } from './identity.js'

/** Who changes something, and the trace of the request. */
export interface Author extends Actor {
  traceId?: string | undefined
}

/** A request that says by a key of its own that it is one, however often it comes. */
export interface KeyedRequest {
  key: string
  /** Of all that the request says. */
  digest: Buffer
}

/** How something is made at most once: by which request, and what the request is answered once it is made. */
export interface Once<Made, Answer> {
  keyed: KeyedRequest | undefined
  answerOf: (made: Made) => Answer
}

export const leadStatuses = ['new', 'contacted', 'qualified', 'won', 'lost'] as const
export type LeadStatus = (typeof leadStatuses)[number]
export const appointmentStatuses = ['scheduled', 'confirmed', 'completed', 'cancelled', 'no_show'] as const
export type AppointmentStatus = (typeof appointmentStatuses)[number]
export const taskStatuses = ['open', 'in_progress', 'done', 'cancelled'] as const
export type TaskStatus = (typeof taskStatuses)[number]

interface Row {
  id: string
  /** The user whose it is; nobody's when null. */
  ownerUserId: string | null
  createdAt: Date
  updatedAt: Date
}

export interface Lead extends Row {
  externalId: string | null
  name: string
  status: LeadStatus
  /** E.164. */
  phone: string | null
  /** In lower case. */
  email: string | null
  source: string | null
  notes: string | null
}

export interface Appointment extends Row {
  leadId: string | null
  title: string
  status: AppointmentStatus
  startsAt: Date
  endsAt: Date
  location: string | null
  notes: string | null
}

export interface Task extends Row {
  leadId: string | null
  title: string
  status: TaskStatus
  dueAt: Date | null
  /** When it became done. */
  completedAt: Date | null
  notes: string | null
}

type Given = 'id' | 'createdAt' | 'updatedAt'
/** What is said of a new one, and what of one may change. */
export type Fields<R> = { [K in keyof Omit<R, Given>]?: R[K] | undefined }
