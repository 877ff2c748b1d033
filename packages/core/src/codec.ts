import { assertFits } from './assert.ts'
import { decodeText, encodeText } from './bytes.ts'
import { SignalError } from './errors.ts'
import { FLAG } from './protocol.ts'

/** Deepest nesting and most keys of JSON that is parsed: 19 KB of brackets parse, and kill whoever stringifies them. */
const MAX_DEPTH = 32
const MAX_KEYS = 1000

/** A frame that has a body is one. */
export interface Body {
  flags: number
  body: Uint8Array
}

/** A body of a frame: bytes as they are, anything else as JSON. Throws a `TypeError` for what JSON can't hold. */
export function encodeBody(value: unknown): Body {
  if (value instanceof Uint8Array) return { flags: 0, body: value }
  const json = JSON.stringify(value === undefined ? null : value)
  if (json === undefined) throw new TypeError(`a ${typeof value} can't be sent`)
  return { flags: FLAG.json, body: encodeText(json) }
}

/** What `encodeBody` wrote. Throws INVALID_ARGUMENT when it is no JSON, nested too deep, or has too many keys. */
export function decodeBody({ flags, body }: Body): unknown {
  if ((flags & FLAG.json) === 0) return body
  const text = decodeText(body)
  assertShallow(text)
  try {
    return JSON.parse(text, text.includes('__proto__') || text.includes('\\u') ? withoutProto : undefined)
  } catch (cause) {
    throw new SignalError('INVALID_ARGUMENT', 'a body is not valid JSON', { cause })
  }
}

/** An object as it is, and an empty one for anything else. */
export function toObject(value: unknown): { [key: string]: unknown } {
  return isObject(value) ? value : {}
}

export function assertObject(value: unknown, name: string): void {
  assertFits(isObject(value), name, 'an object', value)
}

export function isObject(value: unknown): value is { [key: string]: unknown } {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  )
}

function withoutProto(key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value
}

/** A string, to its end, or one of the signs between strings. */
const TOKENS = /"(?:[^"\\]|\\.)*"?|[[\]{}:]/gs

function assertShallow(text: string): void {
  let depth = 0
  let keys = 0
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === ':') keys++
    else if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    if (depth > MAX_DEPTH || keys > MAX_KEYS)
      throw new SignalError(
        'INVALID_ARGUMENT',
        `JSON deeper than ${MAX_DEPTH} or of more than ${MAX_KEYS} keys`
      )
  }
}
