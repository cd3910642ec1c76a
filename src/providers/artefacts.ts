import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** A file that is being written, not yet to be found. */
export interface ArtefactWriter {
  write(chunk: Buffer): Promise<void>
  /** Makes it durable under the conversation; answers its location, artefact://<conversation id>/<digest>.<extension>. */
  commit(conversationId: string, extension: string): Promise<string>
  /** Leaves nothing of it. */
  discard(): Promise<void>
}

/** A body that is too large to be held, while it is looked at. */
export interface ScratchFile {
  write(chunk: Buffer): Promise<void>
  read(): AsyncIterable<Buffer>
  remove(): Promise<void>
}

export interface ArtefactStore {
  create(): Promise<ArtefactWriter>
  scratch(): Promise<ScratchFile>
  /** The file of a location; undefined when it is none of ours or is not there. */
  open(location: string): Promise<{ stream: Readable; sizeBytes: number } | undefined>
}

const folder = /^[A-Za-z0-9_-]{1,120}$/
const place = /^artefact:\/\/([A-Za-z0-9_-]{1,120})\/([0-9a-f]{32}\.[a-z0-9]{2,4})$/
/** What a killed process left half written is cleared when it is older than this: another process may be writing. */
const leftoverMs = 3_600_000

/** Whether an id may name a conversation's folder. */
export const isFolderName = (id: unknown): id is string => typeof id === 'string' && folder.test(id)

/** Files that providers send: in the data directory, a folder for each conversation. */
export function createArtefactStore({ dir }: { dir: string }): ArtefactStore {
  const incoming = join(dir, '.incoming')
  let ready: Promise<void> | undefined

  async function temporary(): Promise<{ path: string; handle: FileHandle }> {
    ready ??= prepare(incoming).catch((error: unknown) => {
      ready = undefined
      throw error
    })
    await ready
    const path = join(incoming, randomUUID())
    return { path, handle: await open(path, 'wx+', 0o600) }
  }

  return {
    async create() {
      const { path, handle } = await temporary()
      const digest = createHash('sha256')
      return {
        async write(chunk) {
          digest.update(chunk)
          await handle.writeFile(chunk)
        },
        async commit(conversationId, extension) {
          if (!isFolderName(conversationId)) throw new Error('no name of a folder')
          // Named by what is in it: the same file again takes its own place, another one never does.
          const name = `${digest.digest('hex').slice(0, 32)}.${extension}`
          const target = join(dir, conversationId)
          await handle.sync()
          await handle.close()
          await mkdir(target, { recursive: true, mode: 0o700 })
          await rename(path, join(target, name))
          await syncFolders([target, dir])
          return `artefact://${conversationId}/${name}`
        },
        discard: () => remove(path, handle),
      }
    },
    async scratch() {
      const { path, handle } = await temporary()
      return {
        write: (chunk) => handle.writeFile(chunk),
        read: () => createReadStream(path, { highWaterMark: 256 * 1024 }),
        remove: () => remove(path, handle),
      }
    },
    async open(location) {
      const [, conversationId, name] = place.exec(location) ?? []
      if (conversationId === undefined || name === undefined) return undefined
      const path = join(dir, conversationId, name)
      const found = await stat(path).catch(() => undefined)
      return found?.isFile() ? { stream: createReadStream(path), sizeBytes: found.size } : undefined
    },
  }
}

async function prepare(incoming: string): Promise<void> {
  await mkdir(incoming, { recursive: true, mode: 0o700 })
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > leftoverMs) await rm(path, { force: true })
  }
}

async function remove(path: string, handle: FileHandle): Promise<void> {
  await handle.close().catch(() => undefined)
  await rm(path, { force: true })
}

/** A new name is durable only when its folder is. */
async function syncFolders(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const handle = await open(path, 'r')
    await handle.sync().finally(() => handle.close())
  }
}
