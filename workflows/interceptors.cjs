// Every workflow evaluates the modules that it loads anew: a workflow that nobody traces must not pay for these. Only
// `require` loads at once and not before it is asked to.
exports.loadTracing = () => ({
  ...require('@temporalio/interceptors-opentelemetry-v2/lib/workflow-interceptors.js').interceptors(),
  ...require('@temporalio/interceptors-opentelemetry-v2/lib/instrumentation.js'),
  ...require('@opentelemetry/api'),
})
