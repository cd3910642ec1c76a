import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ReceiptCipher } from './receipt-cipher.js'
import { encode, readSpoolFile, type SpooledDelivery } from './spool-file.js'

// Files are named *.spool while deliveries are appended, and *.draining from then on. An appender that finds its file
// renamed after its fsync appends once more, elsewhere: so whoever drains reads every delivery that was answered, in
// whichever process and however often it is interrupted. Twice is harmless, for the delivery key.

interface Append {
  line: string
  resolve: () => void
  reject: (error: unknown) => void
}

export interface SpoolOptions {
  dir: string
  cipher: Pick<ReceiptCipher, 'seal'>
  /** A file younger than this is left to its appender, or the two could chase each other for ever. */
  quietMs?: number
  /** A file that has reached this size takes no more. */
  maxFileBytes?: number
}

/** What is written at once: the longest text has its limit, too. */
const maxWriteBytes = 8 * 1024 * 1024

/** Deliveries on the disk of this machine, while the database is away. */
export function createSpool({ dir, cipher, quietMs = 500, maxFileBytes = 64 * 1024 * 1024 }: SpoolOptions) {
  const queue: Append[] = []
  /** Files that could neither be read nor put aside: they stay where they are, and keep nobody waiting. */
  const stuck = new Set<string>()
  let file: { handle: FileHandle; path: string; bytes: number } | undefined
  let writing = false

  async function current() {
    if (file) return file
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const path = join(dir, `${randomUUID()}.spool`)
    file = { handle: await open(path, 'ax', 0o600), path, bytes: 0 }
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
    const into = await current()
    const text = Buffer.from(appends.map(({ line }) => line).join(''))
    await into.handle.appendFile(text)
    await into.handle.datasync()
    into.bytes += text.length
    const kept = await isStill(into.handle, into.path)
    if (!kept || into.bytes >= maxFileBytes) await abandon()
    if (!kept) await writeAll(appends)
  }

  async function work(): Promise<void> {
    while (queue.length > 0) {
      const appends = queue.splice(0, fitting(queue))
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
      const names = (await readdir(dir).catch(() => [])).filter((name) => !stuck.has(name))
      const begun = names.find((name) => name.endsWith('.draining'))
      if (begun) return join(dir, begun)
      for (const name of names.filter((other) => other.endsWith('.spool'))) {
        const path = join(dir, name)
        const { mtimeMs = Infinity } = (await stat(path).catch(ignoreMissing)) ?? {}
        if (mtimeMs > Date.now() - quietMs) continue
        const draining = path.replace(/spool$/, 'draining')
        if (await renamed(path, draining)) return draining
        stuck.add(name)
      }
      return undefined
    },
    read: readSpoolFile,
    async remove(path: string): Promise<void> {
      await unlink(path).catch(ignoreMissing)
    },
    /** Puts a file aside: one that cannot be read, or whose deliveries the database refuses. */
    async setAside(path: string): Promise<void> {
      if (!(await renamed(path, path.replace(/draining$/, 'refused')))) stuck.add(basename(path))
    },
    close: abandon,
  }
}

export type Spool = ReturnType<typeof createSpool>

/** How many of the front go into one write; at least one. */
function fitting(queue: readonly Append[]): number {
  let bytes = 0
  const over = queue.findIndex(({ line }) => (bytes += line.length) > maxWriteBytes)
  return over === -1 ? queue.length : Math.max(1, over)
}

/** @returns false when it has to stay; one that somebody else was quicker with counts as done */
const renamed = (from: string, to: string): Promise<boolean> =>
  rename(from, to).then(
    () => true,
    (error: unknown) => isMissing(error),
  )

async function isStill(handle: FileHandle, path: string): Promise<boolean> {
  const [opened, named] = await Promise.all([handle.stat(), stat(path).catch(ignoreMissing)])
  return opened.ino === named?.ino && opened.dev === named.dev
}

/** A new name is durable once its folder is. */
async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r')
  await folder.sync().finally(() => folder.close())
}

const isMissing = (error: unknown) => (error as { code?: unknown }).code === 'ENOENT'

function ignoreMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error
  return undefined
}
