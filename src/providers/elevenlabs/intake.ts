import type { IncomingHttpHeaders } from 'node:http'
import { ParleyError } from '../../domain/errors.js'
import { type ArtefactStore, isFolderName, type ScratchFile } from '../artefacts.js'
import { headerOf, isPlain } from '../body.js'
import { readJsonObject } from '../raw-body.js'
import { fieldsOf } from '../json.js'
import type { TakenBody } from '../provider.js'
import type { PendingSignature } from './signature.js'
import { createSplitter } from './splitter.js'

export interface IntakeOptions {
  /** The signature that a header promises; undefined when none is asked for. */
  check: ((header: string | undefined) => PendingSignature | { refused: string }) | undefined
  artefacts: ArtefactStore
  /** Of the body without its audio. */
  envelopeLimitBytes: number
}

/** Bodies up to this size are not worth a file. Bytes. */
const heldBytes = 256 * 1024

/** A body on its way in: in memory while it is small, in a file from then on. */
function createHeld(artefacts: ArtefactStore) {
  let held: Buffer[] = []
  let bytes = 0
  let file: ScratchFile | undefined
  return {
    async add(chunk: Buffer): Promise<void> {
      bytes += chunk.length
      if (file) return await file.write(chunk)
      held.push(chunk)
      if (bytes <= heldBytes) return
      file = await artefacts.scratch()
      for (const piece of held) await file.write(piece)
      held = []
    },
    read: (): AsyncIterable<Buffer> | Iterable<Buffer> => file?.read() ?? held,
    remove: async () => await file?.remove(),
  }
}

/**
 * Takes a body in that may be tens of megabytes of audio: verified as it comes, its audio put into the artefact store, and
 * the place of it written where the audio was. Of a body that is not authentic nothing is left.
 */
export function createIntake({ check, artefacts, envelopeLimitBytes }: IntakeOptions) {
  return async function take(body: AsyncIterable<Buffer>, headers: IncomingHttpHeaders): Promise<TakenBody> {
    const signature = check?.(headerOf(headers, 'elevenlabs-signature'))
    if (signature && 'refused' in signature) return { ok: false, reason: signature.refused }
    const held = createHeld(artefacts)
    try {
      for await (const chunk of body) {
        signature?.update(chunk)
        await held.add(chunk)
      }
      const verified = signature?.verify() ?? { ok: true }
      if (!verified.ok) return verified
      return { ok: true, rawBody: await split(held.read(), artefacts, envelopeLimitBytes) }
    } finally {
      await held.remove()
    }
  }
}

async function split(
  body: AsyncIterable<Buffer> | Iterable<Buffer>,
  artefacts: ArtefactStore,
  envelopeLimitBytes: number,
): Promise<Buffer> {
  const tooLarge = () => {
    const detail = `the body without its audio is larger than ${envelopeLimitBytes} bytes`
    return new ParleyError('body_too_large', 413, 'Content Too Large', detail)
  }
  const splitter = createSplitter({ envelopeLimitBytes, tooLarge })
  let writer: Awaited<ReturnType<ArtefactStore['create']>> | undefined
  try {
    for await (const chunk of body)
      for (const audio of splitter.feed(chunk)) await (writer ??= await artefacts.create()).write(audio)
    if (!splitter.hasAudio()) return splitter.envelope('')
    const conversationId = conversationOf(splitter.envelope(''))
    // What parse is going to refuse leaves no file.
    if (!writer || conversationId === undefined) return splitter.envelope('')
    const location = await writer.commit(conversationId, 'mp3')
    writer = undefined
    return splitter.envelope(location)
  } finally {
    await writer?.discard()
  }
}

function conversationOf(envelope: Buffer): string | undefined {
  const { type, data } = readJsonObject(envelope)
  const { conversation_id: id } = fieldsOf(data)
  return isPlain(type) && isFolderName(id) ? id : undefined
}
