import { describe } from './bytes.ts'

/** Throws a `TypeError` that says what was wanted and what was given, unless the value fits. */
export function assertFits(fits: boolean, name: string, wanted: string, value: unknown): void {
  if (!fits) throw new TypeError(`${name} must be ${wanted}, got ${describe(value)}`)
}
