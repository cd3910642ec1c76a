export { conversationSession } from './session.js'
export { sessionReconcile } from './session-reconcile.js'
