import type { ArtefactStore } from '../artefacts.js'

/** Of a recording, and of the body that it comes in. */
export const audioLimitBytes = 32 * 1024 * 1024

/**
 * Puts a recording that was fetched where those of the webhooks lie; the same file takes the same place.
 * @throws Error for more than the limit, and for nothing at all
 */
export function createAudioKeeper({ artefacts, limitBytes }: { artefacts: ArtefactStore; limitBytes: number }) {
  return async function keepAudio(conversationId: string, audio: AsyncIterable<Buffer>): Promise<string> {
    let writer: Awaited<ReturnType<ArtefactStore['create']>> | undefined = await artefacts.create()
    let bytes = 0
    try {
      for await (const chunk of audio) {
        bytes += chunk.length
        if (bytes > limitBytes) throw new Error(`the recording is larger than ${limitBytes} bytes`)
        await writer.write(chunk)
      }
      if (bytes === 0) throw new Error('the recording is empty')
      const location = await writer.commit(conversationId, 'mp3')
      writer = undefined
      return location
    } finally {
      await writer?.discard()
    }
  }
}
