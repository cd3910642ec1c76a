export { conversationSession } from './session.js'
export { sessionReconcile } from './session-reconcile.js'
export { webhookDelivery } from './webhook.js'
export { webhookDrain } from './webhook-drain.js'
