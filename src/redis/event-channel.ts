import type { RedisConnection } from './connection.js'

export interface RedisNudges {
  /** @throws when Redis does not take it */
  publish(text: string): Promise<void>
  start(): void
  stop(): void
}

const channel = 'parley:events'

/** Says to the other processes where the event log has grown, by way of Redis. */
export function createRedisNudges(
  redis: Pick<RedisConnection, 'run' | 'subscriber'>,
  { onMessage, onListening }: { onMessage: (text: string) => void; onListening: () => void },
): RedisNudges {
  let subscriber: ReturnType<RedisConnection['subscriber']> | undefined
  return {
    async publish(text) {
      await redis.run((client) => client.publish(channel, text))
    },
    start() {
      if (subscriber) return
      const opened = redis.subscriber()
      subscriber = opened
      let isSubscribed = false
      opened.on('ready', () => {
        // It subscribes again by itself; what was said meanwhile it has not heard.
        if (isSubscribed) return onListening()
        opened.subscribe(channel, onMessage).then(
          () => {
            isSubscribed = true
            onListening()
          },
          () => undefined, // away again: the next time that it is ready
        )
      })
    },
    stop() {
      if (subscriber?.isOpen) subscriber.destroy()
    },
  }
}
