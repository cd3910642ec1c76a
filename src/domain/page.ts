/** A part of a list. */
export interface Page<T> {
  items: T[]
  /** Absent on the last page. */
  nextCursor: string | undefined
}

/** Which part of a list is asked for. `sort` is a field's name, with a minus in front for the last one first. */
export interface PageRequest<Filter> {
  filter: Filter
  sort: string
  cursor?: string | undefined
  limit: number
}

/** A row with what tells this state of it from every other. */
export type Revised<T> = T & { revision: string }

/** The revisions of a row that a change may meet. */
export type Precondition = 'any' | readonly string[]
