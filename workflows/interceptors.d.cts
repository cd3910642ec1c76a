import type * as api from '@opentelemetry/api'
import type * as instrumentation from '@temporalio/interceptors-opentelemetry-v2/lib/instrumentation.js'
import type {
  OpenTelemetryInboundInterceptor,
  OpenTelemetryInternalsInterceptor,
  OpenTelemetryOutboundInterceptor,
} from '@temporalio/interceptors-opentelemetry-v2'

export interface WorkflowTracing {
  inbound: [OpenTelemetryInboundInterceptor]
  outbound: [OpenTelemetryOutboundInterceptor]
  internals: [OpenTelemetryInternalsInterceptor]
  extractContextFromHeaders: typeof instrumentation.extractContextFromHeaders
  TRACE_HEADER: typeof instrumentation.TRACE_HEADER
  trace: typeof api.trace
  context: typeof api.context
}

export function loadTracing(): WorkflowTracing
