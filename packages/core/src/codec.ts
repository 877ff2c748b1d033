import { assertFits } from './assert.ts'
import { MAX } from './bounds.ts'
import { decodeText, encodeText } from './bytes.ts'
import { SignalError } from './errors.ts'
import { FLAG } from './protocol.ts'

/** A frame that has a body is one. */
export interface Body {
  /** FLAG.json, or 0: the body is bytes. */
  flags: number
  /** JSON as UTF-8, or bytes as they are. */
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
    return JSON.parse(text, /__proto__|\\u/.test(text) ? withoutProto : undefined)
  } catch (cause) {
    throw new SignalError('INVALID_ARGUMENT', 'a body is not JSON', { cause })
  }
}

/** An object as it is, and an empty one for anything else. */
export function toObject(value: unknown): { [key: string]: unknown } {
  return isObject(value) ? value : {}
}

/** Throws a `TypeError` that begins with the name. */
export function assertObject(value: unknown, name: string): void {
  assertFits(isObject(value), name, 'an object', value)
}

/** Throws a `TypeError` for what no peer can be told. */
export function assertMetadata(metadata: unknown): void {
  assertObject(metadata, 'metadata')
  encodeBody(metadata)
}

/** Whether it is an object with fields: no list, no bytes, no Map, not null. */
export function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !(Symbol.iterator in value)
}

function withoutProto(key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value
}

function assertShallow(text: string): void {
  let depth = 0
  let keys = 0
  // A token is a string, to its end, or one of the signs between strings.
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"?|[[\]{}:]/gs)) {
    if (token === ':') keys++
    else if ('{['.includes(token)) depth++
    else if ('}]'.includes(token)) depth--
    if (depth > MAX.depth || keys > MAX.keys)
      throw new SignalError('INVALID_ARGUMENT', 'JSON too deep, or of too many keys')
  }
}
