import type { ServerResponse } from 'node:http'

/** The open event streams of rooms, by conversation. */
export function createWatchers() {
  const byRoom = new Map<string, Set<ServerResponse>>()

  return {
    add(room: string, stream: ServerResponse): void {
      const streams = byRoom.get(room) ?? new Set()
      byRoom.set(room, streams.add(stream))
      stream.once('close', () => {
        streams.delete(stream)
        if (streams.size === 0 && byRoom.get(room) === streams) byRoom.delete(room)
      })
    },
    send(room: string, message: () => unknown): void {
      const streams = byRoom.get(room)
      if (streams === undefined) return
      const text = `data: ${JSON.stringify(message())}\n\n`
      for (const stream of streams) stream.write(text)
    },
    clear(): void {
      for (const streams of byRoom.values()) for (const stream of streams) stream.end()
    },
  }
}

export type Watchers = ReturnType<typeof createWatchers>
