import { applyToMessages } from './message-applier.js'
import { createCallApplier } from './call-applier.js'
import { applyToIdentity } from './identity-applier.js'
import { applyToPartner } from './partner-applier.js'
import type { Appliers } from './receipt-applier.js'
import { applyToSessions } from './session-applier.js'

/** What takes the effects of each target; a new target is one line here. */
export const createAppliers = ({ transcribes }: { transcribes: boolean }): Appliers => ({
  session: applyToSessions,
  message: applyToMessages,
  call: createCallApplier({ transcribes }),
  identity: applyToIdentity,
  partner: applyToPartner,
})
