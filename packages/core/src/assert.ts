import { describe } from './bytes.ts'

/** Throws a `TypeError` that says what was wanted and what was given, unless the value fits. */
export function assertFits(fits: boolean, name: string, wanted: string, value: unknown): void {
  if (!fits) throw new TypeError(`${name} must be ${wanted}, got ${describe(value)}`)
}

/** Throws a `TypeError` unless the value is one of these words (`this or that`), or was left out. */
export function assertChoice(value: unknown, name: string, words: string): void {
  assertFits(value === undefined || words.split(' or ').includes(value as string), name, words, value)
}

/** Throws a `TypeError` unless the value is a number above 0. */
export function assertPositive(value: unknown, name: string): void {
  assertFits(typeof value === 'number' && value > 0, name, 'a number above 0', value)
}

/** Throws a `TypeError` unless the value is a whole number above 0; `Infinity` counts as one. */
export function assertCount(value: unknown, name: string): void {
  assertFits(
    (value as number) > 0 && Math.floor(value as number) === value,
    name,
    'a whole number above 0',
    value
  )
}

/** Throws a `TypeError` unless the option has this method, or was left out. */
export function assertHas<Options>(
  options: Options,
  name: keyof Options & string,
  method: string,
  wanted: string
): void {
  const value = options[name]
  assertFits(value === undefined || typeof Object(value)[method] === 'function', name, wanted, value)
}
