import type { Disc, Enneagram } from './personal-context.js'

const styles: Readonly<Record<keyof Disc, string>> = {
  dominance: 'wants to get to the point and to decide: be brief, offer choices',
  influence: 'thinks aloud and likes company: be lively, leave room for stories',
  steadiness: 'likes calm and reliability: go slowly, announce changes',
  conscientiousness: 'likes things exact: give reasons, be precise',
}
const order = Object.keys(styles) as (keyof Disc)[]

/** From here on a style shows. */
const strong = 60

/** What the answers about DISC mean for a conversation: the two strongest styles, if any is strong. */
export function discInWords(disc: Disc): string {
  const shown = order.filter((style) => disc[style] >= strong).sort((a, b) => disc[b] - disc[a])
  const scores = order.map((style) => `${style} ${disc[style]}`).join(', ')
  if (shown.length === 0) return `${scores} of 100; no style stands out: keep a balance.`
  return `${scores} of 100. ${shown
    .slice(0, 2)
    .map((style) => `High ${style}: ${styles[style]}.`)
    .join(' ')}`
}

const types: readonly string[] = [
  'wants to do right: acknowledge effort, do not feed the inner critic',
  'wants to be needed: ask after their own needs too',
  'wants to succeed: separate worth from results',
  'wants to be true to themself: take feelings seriously before solutions',
  'wants to understand: give time and facts, do not press for feelings',
  'wants to be safe: be consistent, look at worries one by one',
  'wants to be free: keep it light, help to stay with one thing',
  'wants to be strong: be frank, do not pressure',
  'wants peace: ask what they want themselves, and wait for the answer',
]

/** What the Enneagram's type means for a conversation. */
export function enneagramInWords({ type, wing }: Enneagram): string {
  const name = wing === null ? `type ${type}` : `type ${type} with wing ${wing}`
  return `${name}: ${types[type - 1] ?? 'not described'}.`
}
