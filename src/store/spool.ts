import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Delivery } from '../domain/webhook.js'
import type { ReceiptCipher } from './receipt-cipher.js'

// Files are named *.spool while deliveries are appended, and *.draining from then on. An appender that finds its file
// renamed after its fsync appends once more, elsewhere: so whoever drains reads every delivery that was answered, in
// whichever process and however often it is interrupted. Twice is harmless, for the delivery key.

export interface SpooledDelivery {
  delivery: Delivery
  /** Its payload is as the table is to hold it, so that bringing it in needs no key. */
  sealed?: boolean
  /** RFC 3339. */
  receivedAt: string
}

interface Append {
  line: string
  resolve: () => void
  reject: (error: unknown) => void
}

/**
 * Deliveries on the disk of this machine, while the database is away.
 * `quietMs`: a file younger than this is left to its appender, or the two could chase each other for ever.
 */
export function createSpool({
  dir,
  cipher,
  quietMs = 500,
}: {
  dir: string
  cipher: Pick<ReceiptCipher, 'seal'>
  quietMs?: number
}) {
  const queue: Append[] = []
  let file: { handle: FileHandle; path: string } | undefined
  let writing = false

  async function current() {
    if (file) return file
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const path = join(dir, `${randomUUID()}.spool`)
    file = { handle: await open(path, 'ax', 0o600), path }
    await syncFolder(dir)
    return file
  }

  async function abandon(): Promise<void> {
    const left = file
    file = undefined
    await left?.handle.close().catch(() => undefined)
  }

  /** One write and one fsync for all that wait. */
  async function writeAll(appends: Append[]): Promise<void> {
    const { handle, path } = await current()
    await handle.appendFile(appends.map(({ line }) => line).join(''))
    await handle.datasync()
    if (await isStill(handle, path)) return
    await abandon()
    await writeAll(appends)
  }

  async function work(): Promise<void> {
    while (queue.length > 0) {
      const appends = queue.splice(0)
      try {
        await writeAll(appends)
        appends.forEach(({ resolve }) => resolve())
      } catch (error) {
        // Half a line may be on the disk: the next delivery begins another file.
        await abandon()
        appends.forEach(({ reject }) => reject(error))
      }
    }
    // In the same turn as the look at the queue: whoever appends next finds a worker or becomes one.
    writing = false
  }

  return {
    /** Returns when the delivery is on the disk. */
    append(spooled: SpooledDelivery): Promise<void> {
      return new Promise((resolve, reject) => {
        queue.push({ line: encode(spooled, cipher), resolve, reject })
        if (writing) return
        writing = true
        void work()
      })
    },
    /** The file to drain next; undefined when there is none. One that nobody has begun to drain is closed to appends. */
    async nextFile(): Promise<string | undefined> {
      const names = await readdir(dir).catch(() => [])
      const begun = names.find((name) => name.endsWith('.draining'))
      if (begun) return join(dir, begun)
      for (const name of names.filter((other) => other.endsWith('.spool'))) {
        const path = join(dir, name)
        const { mtimeMs = Infinity } = (await stat(path).catch(ignoreMissing)) ?? {}
        if (mtimeMs > Date.now() - quietMs) continue
        const draining = path.replace(/spool$/, 'draining')
        await rename(path, draining).catch(ignoreMissing)
        return draining
      }
      return undefined
    },
    read: readSpoolFile,
    async remove(path: string): Promise<void> {
      await unlink(path).catch(ignoreMissing)
    },
    /** Puts a file aside whose deliveries the database refuses. */
    async setAside(path: string): Promise<void> {
      await rename(path, path.replace(/draining$/, 'refused')).catch(ignoreMissing)
    },
    close: abandon,
  }
}

export type Spool = ReturnType<typeof createSpool>

/** What a file holds; `torn` counts the lines that a crash left unfinished, none of which was answered. */
export async function readSpoolFile(path: string): Promise<{ deliveries: SpooledDelivery[]; torn: number }> {
  const text = await readFile(path, 'utf8').catch(ignoreMissing)
  const lines = (text ?? '').split('\n')
  const unfinished = lines.pop() ?? ''
  const deliveries = lines.flatMap((line) => decode(line) ?? [])
  return { deliveries, torn: lines.length - deliveries.length + (unfinished === '' ? 0 : 1) }
}

function encode({ delivery, receivedAt }: SpooledDelivery, cipher: Pick<ReceiptCipher, 'seal'>): string {
  const { payload: plain, ...rest } = delivery
  const payload = cipher.seal(plain, delivery.deliveryKey).toString('base64')
  return `${JSON.stringify({ ...rest, payload, sealed: true, received_at: receivedAt })}\n`
}

function decode(line: string): SpooledDelivery | undefined {
  try {
    const {
      payload,
      received_at: receivedAt,
      // Absent in what an earlier version has spooled.
      sealed = false,
      ...rest
    } = JSON.parse(line) as Omit<Delivery, 'payload'> & {
      payload: string
      received_at: string
      sealed?: boolean
    }
    return { delivery: { ...rest, payload: Buffer.from(payload, 'base64') }, sealed, receivedAt }
  } catch {
    return undefined
  }
}

async function isStill(handle: FileHandle, path: string): Promise<boolean> {
  const [opened, named] = await Promise.all([handle.stat(), stat(path).catch(ignoreMissing)])
  return opened.ino === named?.ino && opened.dev === named.dev
}

/** A new name is durable once its folder is. */
async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r')
  await folder.sync().finally(() => folder.close())
}

function ignoreMissing(error: unknown): undefined {
  if ((error as { code?: unknown }).code !== 'ENOENT') throw error
  return undefined
}
