import { hostname } from 'node:os'
import type { Context as ActivityContext } from '@temporalio/activity'
import {
  type ActivityExecuteInput,
  type ActivityInboundCallsInterceptor,
  NativeConnection,
  type Next,
  Worker,
} from '@temporalio/worker'
import type { TaskQueues } from '../../workflows/messages.js'
import { connectionOptions, type TemporalConfig } from './connection.js'
import type { TemporalTracing } from './tracing.js'

/** Hears of every attempt of an activity. Milliseconds. */
export type ObserveTask = (name: string, status: 'completed' | 'failed', durationMs: number) => void

export interface WorkerOptions {
  connection: NativeConnection
  namespace: string
  taskQueues: TaskQueues
  /** Path of the bundle that the build made, or its code. */
  workflowBundle: { codePath: string }
  maxCachedWorkflows: number
  activities: { sessions: object; webhooks: object; providers: object }
  shutdownGraceMs: number
  observeTask: ObserveTask
  tracing: TemporalTracing | undefined
  /** A worker that cannot go on: the process should end and be started anew. */
  onFatal: (error: unknown) => void
}

/** Waits for the engine: it may come up after this process. */
export async function connectNative(
  config: TemporalConfig,
  log: { warn: (fields: object, message: string) => void },
): Promise<NativeConnection> {
  for (let pauseMs = 250; ; pauseMs = Math.min(pauseMs * 2, 5000)) {
    try {
      return await NativeConnection.connect(connectionOptions(config))
    } catch (error) {
      log.warn({ err: error, retry_ms: pauseMs }, 'Temporal is not reachable yet')
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}

/** Counts and times the attempts of activities, local ones included. */
function observing(observe: ObserveTask) {
  return (context: ActivityContext) => ({
    inbound: {
      async execute(
        input: ActivityExecuteInput,
        next: Next<ActivityInboundCallsInterceptor, 'execute'>,
      ): Promise<unknown> {
        const began = performance.now()
        let status: 'completed' | 'failed' = 'failed'
        try {
          const result = await next(input)
          status = 'completed'
          return result
        } finally {
          observe(context.info.activityType, status, performance.now() - began)
        }
      },
    },
  })
}

/** A workflow that was begun under tracing goes on here, and its spans go nowhere. */
export const noSpans = { exporter: { export: { fn: () => undefined, callDuringReplay: false } } }

const tracingOptions = ({ observeTask, tracing }: WorkerOptions) => ({
  interceptors: { activity: [observing(observeTask), ...(tracing ? [tracing.activity] : [])] },
  sinks: tracing?.sinks ?? noSpans,
})

/** One worker per task queue, all on one connection; they poll from the moment this returns. */
export async function startWorkers(options: WorkerOptions) {
  const { taskQueues, activities, workflowBundle } = options
  const graces = { shutdownGraceTime: options.shutdownGraceMs, shutdownForceTime: options.shutdownGraceMs + 5000 }
  const common = {
    connection: options.connection,
    namespace: options.namespace,
    identity: `${process.pid}@${hostname()}`,
    ...tracingOptions(options),
    // After a SIGKILL the engine offers a session's task to the dead worker first, for this long.
    stickyQueueScheduleToStartTimeout: 3000,
    ...graces,
  }
  const workers = await Promise.all([
    Worker.create({
      ...common,
      workflowBundle,
      taskQueue: taskQueues.sessions,
      activities: activities.sessions,
      maxCachedWorkflows: options.maxCachedWorkflows,
      maxConcurrentWorkflowTaskExecutions: 40,
      maxConcurrentLocalActivityExecutions: 40,
      maxConcurrentActivityTaskExecutions: 20,
    }),
    Worker.create({
      ...common,
      workflowBundle,
      taskQueue: taskQueues.webhooks,
      activities: activities.webhooks,
      // An event's workflow is short: a cache below 200 costs eager starts 20 s stalls (measured).
      maxCachedWorkflows: 200,
      maxConcurrentActivityTaskExecutions: 10,
    }),
    Worker.create({
      ...common,
      taskQueue: taskQueues.providers,
      activities: activities.providers,
      maxConcurrentActivityTaskExecutions: 100,
    }),
  ])
  let stopping = false
  const runs = workers.map((worker) =>
    worker.run().catch((error: unknown) => {
      if (!stopping) options.onFatal(error)
    }),
  )
  return {
    running: () => workers.every((worker) => worker.getState() === 'RUNNING'),
    async stop(): Promise<void> {
      stopping = true
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
      await Promise.all(runs)
    },
  }
}
