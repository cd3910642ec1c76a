/** Where a page ended: the time in microseconds, which a Date has not, and the id. */
export type Position = [time: string, id: string]

/** SQL of a time as a position holds it: a page must begin exactly where the last one ended. */
export const exactTimeOf = (column: string) => `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
