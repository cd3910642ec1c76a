import { z } from 'zod'
import type { Page, PageRequest } from '../domain/page.js'

const paging = {
  cursor: z
    .string()
    .min(1)
    .max(2000)
    .optional()
    .meta({ description: 'The `next_cursor` of the page before; good for the same filter and sort' }),
  limit: z.coerce.number().int().min(1).max(100).default(20),
}

/** The query of a list: its filters, and its sorts, the first of which is the default; a minus in front reverses. */
export const listQuery = <F extends z.ZodRawShape, const S extends readonly [string, ...string[]]>(
  filters: F,
  sorts: S,
) =>
  z.strictObject({
    ...filters,
    sort: z
      .enum(sorts)
      .default(sorts[0] as never)
      .meta({ description: 'By which field; with a minus from the last to the first' }),
    ...paging,
  })

interface Paging {
  sort: string
  cursor?: string | undefined
  limit: number
}

/** The query of a list in the words of the stores. */
export const pageRequest = <Q extends Paging>({
  sort,
  cursor,
  limit,
  ...filter
}: Q): PageRequest<Omit<Q, keyof Paging>> => ({
  filter,
  sort,
  cursor,
  limit,
})

/** Filters of a time, for lists that say when. */
export const between = <T extends z.ZodType>(time: T, what: string) => ({
  from: time.optional().meta({ description: `${what} at or after` }),
  to: time.optional().meta({ description: `${what} before` }),
})

/** The answer of a list, whatever it lists. */
export const pageSchema = <T extends z.ZodType>(name: string, item: T) =>
  z
    .object({
      items: z.array(item),
      next_cursor: z.string().nullable().meta({ description: 'null on the last page' }),
    })
    .meta({ id: `${name}Page` })

export const presentPage = <Row, T>({ items, nextCursor }: Page<Row>, present: (row: Row) => T) => ({
  status: 200 as const,
  body: { items: items.map(present), next_cursor: nextCursor ?? null },
})
