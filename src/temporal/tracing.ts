import { trace } from '@opentelemetry/api'
import type { Context as ActivityContext } from '@temporalio/activity'
import type { WorkflowClientInterceptor } from '@temporalio/client'
import {
  makeWorkflowExporter,
  OpenTelemetryActivityInboundInterceptor,
  OpenTelemetryActivityOutboundInterceptor,
  OpenTelemetryWorkflowClientInterceptor,
} from '@temporalio/interceptors-opentelemetry-v2'
import type { InjectedSinks } from '@temporalio/worker'

type WorkflowExport = typeof makeWorkflowExporter
type Sinks = InjectedSinks<{ exporter: { export(spans: unknown[]): void } }>

/** Trace context through the engine: what clients and activities add, and where spans of workflows go. */
export interface TemporalTracing {
  client: WorkflowClientInterceptor
  activity: (context: ActivityContext) => object
  sinks: Sinks
}

/** Interceptors for clients and workers of a process that traces. */
export function createTemporalTracing(telemetry: {
  spanProcessor: Parameters<WorkflowExport>[0]
  resource: Parameters<WorkflowExport>[1]
}): TemporalTracing {
  return {
    client: requestsOnly(new OpenTelemetryWorkflowClientInterceptor()),
    activity: (context) => ({
      inbound: new OpenTelemetryActivityInboundInterceptor(context),
      outbound: new OpenTelemetryActivityOutboundInterceptor(context),
    }),
    sinks: { exporter: makeWorkflowExporter(telemetry.spanProcessor, telemetry.resource) },
  }
}

/**
 * Calls on the engine that a request or an activity makes. The standing workflows are started with a signal and never
 * end: whoever wakes one must not have all that it ever does below its own span.
 */
function requestsOnly(all: OpenTelemetryWorkflowClientInterceptor): WorkflowClientInterceptor {
  const within = () => (trace.getActiveSpan() ? all : undefined)
  return {
    start: (input, next) => within()?.start(input, next) ?? next(input),
    startWithDetails: (input, next) => within()?.startWithDetails(input, next) ?? next(input),
    signal: (input, next) => within()?.signal(input, next) ?? next(input),
    startUpdate: (input, next) => within()?.startUpdate(input, next) ?? next(input),
    startUpdateWithStart: (input, next) => within()?.startUpdateWithStart(input, next) ?? next(input),
  }
}
