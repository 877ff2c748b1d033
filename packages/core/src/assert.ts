import { describe } from './bytes.ts'

/** Throws a `TypeError` that says what was wanted and what was given, unless the value fits. */
export function assertFits(fits: boolean, name: string, wanted: string, value: unknown): void {
  if (!fits) throw new TypeError(`${name} must be ${wanted}, got ${describe(value)}`)
}

/** Throws a `TypeError` unless the value is one of these words, or was left out. */
export function assertChoice(value: unknown, name: string, choices: readonly string[]): void {
  const fits = value === undefined || choices.includes(value as string)
  assertFits(fits, name, choices.join(' or '), value)
}

/** Throws a `TypeError` unless the value is a number above 0. */
export function assertPositive(value: unknown, name: string): void {
  assertFits(typeof value === 'number' && value > 0, name, 'a number above 0', value)
}

/** Throws a `TypeError` unless the value is a function, or was left out. */
export function assertFunction(value: unknown, name: string): void {
  assertFits(value === undefined || typeof value === 'function', name, 'a function', value)
}
