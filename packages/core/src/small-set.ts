/**
 * A set of strings that mostly holds one, for a field of something that there are very many of: nothing, the one itself,
 * or a `Set`. So it takes no object of its own.
 */
export type SmallSet = string | Set<string> | undefined

/** The set with `value` in it. */
export function add(set: SmallSet, value: string): SmallSet {
  if (set === undefined) return value
  return typeof set === 'string' ? (set === value ? set : new Set([set, value])) : set.add(value)
}

/** The set without `value`. */
export function without(set: SmallSet, value: string): SmallSet {
  if (set === value) return undefined
  if (typeof set === 'object') set.delete(value)
  return set
}

export function has(set: SmallSet, value: string): boolean {
  return typeof set === 'object' ? set.has(value) : set === value
}

export function size(set: SmallSet): number {
  return typeof set === 'object' ? set.size : set === undefined ? 0 : 1
}

/** What is in it, in a list of its own. */
export function list(set: SmallSet): string[] {
  return typeof set === 'string' ? [set] : [...(set ?? [])]
}
