import type { CallDetails, CallDirection } from './call.js'
import { byText, instant } from './order.js'

/** The fields of a row that events carry, folded. */
export interface FoldedDetails {
  direction?: CallDirection
  from?: string
  to?: string
  startedAt?: string
  metadata: Record<string, unknown>
}

/** A value with the time of the event that brought it. */
interface Leaf {
  at: number
  value: unknown
}

interface Branch {
  leaf?: Leaf
  children: Map<string, Branch>
}

/** Deeper than this a value is taken whole. */
const maxDepth = 12

/**
 * Folds details field by field, objects key by key: the later event wins, then the longer list, then the alphabet. A
 * detail without a time gives way to every other. The order of the details makes no difference.
 */
export function foldDetails(details: readonly CallDetails[]): FoldedDetails {
  const root: Branch = { children: new Map() }
  for (const { type: _type, at, ...fields } of details) put(root, fields, instant(at) ?? Number.NEGATIVE_INFINITY, 0)
  return { metadata: {}, ...(valueOf(root) as Partial<FoldedDetails>) }
}

function put(branch: Branch, value: unknown, at: number, depth: number): void {
  if (isObject(value) && depth < maxDepth && Object.keys(value).length > 0) {
    for (const [key, item] of Object.entries(value))
      if (item !== undefined) put(childOf(branch, key), item, at, depth + 1)
  } else {
    const leaf = { at, value }
    if (!branch.leaf || tellsMore(leaf, branch.leaf)) branch.leaf = leaf
  }
}

function childOf({ children }: Branch, key: string): Branch {
  const known = children.get(key)
  if (known) return known
  const made: Branch = { children: new Map() }
  children.set(key, made)
  return made
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const length = (value: unknown) => (Array.isArray(value) ? value.length : -1)
const text = (value: unknown) => JSON.stringify(value) ?? ''

function tellsMore(a: Leaf, b: Leaf): boolean {
  if (a.at !== b.at) return a.at > b.at
  return (length(a.value) - length(b.value) || byText(text(a.value), text(b.value))) > 0
}

/** Keys in order, so that equal details give equal text; of an object and a bare value under one key the object stays. */
function valueOf({ leaf, children }: Branch): unknown {
  if (children.size === 0) return leaf?.value
  const entries = [...children].sort(([a], [b]) => byText(a, b))
  return Object.fromEntries(entries.map(([key, branch]) => [key, valueOf(branch)]))
}
