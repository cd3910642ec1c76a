import {
  type Headers,
  type WorkflowExecuteInput,
  workflowInfo,
  type WorkflowInboundCallsInterceptor,
  type WorkflowInterceptors,
  type WorkflowOutboundCallsInterceptor,
} from '@temporalio/workflow'
import { loadTracing, type WorkflowTracing } from './interceptors.cjs'

/** A message of somebody who traces carries this. */
const traceHeader = '_tracer-data'
/** They live for hours: their span says that they began, or a trace would have no middle until they end. */
const longLived: ReadonlySet<string> = new Set(['conversationSession', 'webhookReplay'])

type Next<I, K extends keyof I> = I[K] extends ((input: infer A, next: never) => infer R) | undefined
  ? (input: A) => R
  : never
type Execute = Next<WorkflowInboundCallsInterceptor, 'execute'>

/**
 * Spans of workflows. Whether there are any is decided by what a message carries, and so by the history: a workflow
 * replays the same whether the worker that has it now traces or not, and one that nobody traces has none of this. No
 * function here is `async`: one more turn of the microtasks could change the order of a history's commands.
 */
export function interceptors(): WorkflowInterceptors {
  let loaded: WorkflowTracing | undefined
  const tracing = () => (loaded ??= loadTracing())
  const by = (headers: Headers) => (traceHeader in headers ? tracing().inbound[0] : undefined)
  /** What follows from a message that was traced. */
  const within = () => (loaded?.trace.getActiveSpan() ? loaded.outbound[0] : undefined)

  const inbound: WorkflowInboundCallsInterceptor = {
    execute(input, next) {
      const traced = by(input.headers)
      if (!traced) return next(input)
      const { workflowType } = workflowInfo()
      return longLived.has(workflowType) ? begun(tracing(), input, next) : traced.execute(input, next)
    },
    handleSignal: (input, next) => by(input.headers)?.handleSignal(input, next) ?? next(input),
    handleUpdate: (input, next) => by(input.headers)?.handleUpdate(input, next) ?? next(input),
    validateUpdate(input, next) {
      const traced = by(input.headers)
      if (traced) traced.validateUpdate(input, next)
      else next(input)
    },
  }
  const outbound: WorkflowOutboundCallsInterceptor = {
    scheduleActivity: (input, next) => within()?.scheduleActivity(input, next) ?? next(input),
    scheduleLocalActivity: (input, next) => within()?.scheduleLocalActivity(input, next) ?? next(input),
    signalWorkflow: (input, next) => within()?.signalWorkflow(input, next) ?? next(input),
    continueAsNew: (input, next) => within()?.continueAsNew(input, next) ?? next(input),
    getLogAttributes: (input, next) => within()?.getLogAttributes(input, next) ?? next(input),
  }
  return {
    inbound: [inbound],
    outbound: [outbound],
    internals: [{ dispose: (input, next) => void (loaded ? loaded.internals[0].dispose(input, next) : next(input)) }],
  }
}

/** Its span ends as it begins, and what it does is below it all the same. */
function begun(
  { trace, context, extractContextFromHeaders }: WorkflowTracing,
  input: WorkflowExecuteInput,
  next: Execute,
) {
  const parent = extractContextFromHeaders(input.headers) ?? context.active()
  const { workflowType } = workflowInfo()
  const span = trace.getTracer('@temporalio/interceptor-workflow').startSpan(`RunWorkflow:${workflowType}`, {}, parent)
  span.end()
  return context.with(trace.setSpan(parent, span), () => next(input))
}
