import { randomFillSync } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'

/** Bytes of one id. */
const idBytes = 16
const pool = Buffer.alloc(256 * idBytes)
let used = pool.length

/** A new row's id, a UUIDv7. Random bytes are fetched for many at once: each call for them costs as much as the rest of an id. */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const random = pool.subarray(used, used + idBytes)
  used += idBytes
  return uuidv7({ random })
}
