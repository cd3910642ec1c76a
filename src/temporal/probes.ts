import type { Client, Connection } from '@temporalio/client'
import type { TaskQueues } from '../../workflows/messages.js'

/** A poller that has not asked for this long is gone: the server remembers it for five minutes. Milliseconds. */
const staleMs = 90_000

export interface WorkerHeartbeat {
  identity: string
  task_queue: string
  last_poll: string
}

/** Whether the engine answers, and who polls it. */
export function createProbes({
  client,
  namespace,
  taskQueues,
}: {
  client: Client
  namespace: string
  taskQueues: TaskQueues
}) {
  const service = () => (client.connection as Connection).workflowService
  const within = <T>(work: () => Promise<T>) => client.connection.withDeadline(Date.now() + 1500, work)

  // io.temporal.api.enums.v1.TaskQueueType: 1 workflow, 2 activity
  async function pollers(taskQueue: string, taskQueueType: 1 | 2): Promise<WorkerHeartbeat[]> {
    const answer = await within(() =>
      service().describeTaskQueue({ namespace, taskQueue: { name: taskQueue }, taskQueueType }),
    )
    return (answer.pollers ?? []).map((poller) => ({
      identity: poller.identity ?? '',
      task_queue: taskQueue,
      last_poll: new Date(Number(poller.lastAccessTime?.seconds ?? 0) * 1000).toISOString(),
    }))
  }

  async function heartbeats(): Promise<WorkerHeartbeat[]> {
    const { sessions, webhooks, providers } = taskQueues
    const lists = await Promise.all([pollers(sessions, 1), pollers(webhooks, 1), pollers(providers, 2)])
    return lists.flat()
  }

  return {
    heartbeats,
    async temporal(): Promise<void> {
      await within(() => service().getSystemInfo({}))
    },
    /** Every task queue is polled. */
    async workers(): Promise<void> {
      const fresh = (await heartbeats()).filter((beat) => Date.now() - Date.parse(beat.last_poll) < staleMs)
      for (const name of Object.values(taskQueues))
        if (!fresh.some((beat) => beat.task_queue === name)) throw new Error(`nobody polls ${name}`)
    },
  }
}
