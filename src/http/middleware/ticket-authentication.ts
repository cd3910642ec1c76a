import { UnauthorizedError } from '../../domain/errors.js'
import type { TicketRedemption } from '../app-services.js'
import type { AppMiddleware } from '../context.js'
import { isUpgrade } from '../realtime/upgrade.js'

/** A ticket in the address of a WebSocket stands for the token of whoever got it; a token that came as well is enough. */
export function ticketAuthentication(tickets: TicketRedemption | undefined): AppMiddleware {
  return async function ticketAuthenticationMiddleware(ctx, next) {
    const { ticket } = ctx.query
    const counts = tickets && typeof ticket === 'string' && !ctx.state.caller && isUpgrade(ctx.req)
    if (counts && /^\/ws\/?$/.test(ctx.path)) {
      const caller = await tickets.redeem(ticket)
      if (!caller) throw new UnauthorizedError('the ticket is unknown, used or expired', 'ticket_invalid')
      ctx.state.caller = caller
    }
    await next()
  }
}
