import type { Middleware } from 'koa'
import type { Config } from '../config.js'
import type { ApiOperation } from '../faults.js'
import type { Random } from '../random.js'
import type { WebhookAccounts } from '../webhooks/accounts.js'
import type { Script, ScriptContext, WebhookSender } from '../webhooks/event.js'
import { plainMarks } from '../webhooks/record.js'
import type { WebhookSenderPart } from '../webhooks/sender.js'
import type { WebhookTruth } from '../webhooks/truth.js'
import type { TelephonyTruth } from './truth.js'

export interface TelephonyDeps {
  accounts: WebhookAccounts
  config: Config
  people: TelephonyTruth
  truth: WebhookTruth
  sender: WebhookSenderPart
  random: Random
  faulty: (operation: ApiOperation) => Middleware
}

export const contextOf = ({ accounts, random }: TelephonyDeps): ScriptContext => ({
  now: Date.now(),
  random: random.next,
  accounts: accounts.script,
})

/** Sends a life's webhooks to the address that the request named; without one, or without a receiver, nobody is told. */
export function tell(deps: TelephonyDeps, provider: WebhookSender, script: Script, callback: string | null): void {
  if (callback === null || deps.config.webhook_target === null || !URL.canParse(callback)) return
  const { pathname, search } = new URL(callback)
  const steps = script.steps.map(({ afterMs, webhook }) => ({
    afterMs,
    webhook: { ...webhook, path: pathname, ...(search === '' ? {} : { query: search.slice(1) }) },
  }))
  const records = deps.truth.add(provider, { ...script, steps }, { now: Date.now(), copies: [plainMarks] })
  deps.truth.flush()
  deps.sender.schedule(records)
}

/** Time between the first and the last webhook of a life. Milliseconds. */
export const lifeMs = 400
