import { SignalError } from 'socket-signal/errors'
import type { Kind } from './types.ts'

/** What a participant says of itself to everybody, in the presence of its topic. */
export interface Info {
  readonly name?: string
  readonly context?: string
  /** Its streams by key, and which tracks they have. */
  readonly streams: { readonly [key: string]: { readonly [K in Kind]: boolean } }
}

/** As what core lets `info` be. Unit: bytes. */
const MAX_INFO = 1024
const MAX_STREAMS = 16
const MAX = { key: 64, name: 256, context: 512 }

/** A few letters, because it has to fit. Throws TOO_LARGE. */
export function encodeInfo({ name, context, streams }: Info): object {
  const s = Object.fromEntries(
    Object.entries(streams).map(([key, { audio, video }]) => [key, (audio ? 'a' : '') + (video ? 'v' : '')])
  )
  const info = { ...(name && { n: name }), ...(context && { c: context }), s }
  if (Object.keys(s).length > MAX_STREAMS)
    throw new SignalError('TOO_LARGE', `a participant has at most ${MAX_STREAMS} streams`)
  if (new TextEncoder().encode(JSON.stringify(info)).length > MAX_INFO)
    throw new SignalError('TOO_LARGE', `name, context and keys of streams take more than ${MAX_INFO} bytes`)
  return info
}

/** What of it makes sense: others may say anything. Undefined of who is in no room. */
export function decodeInfo(info: unknown): Info | undefined {
  const { n, c, s } = Object(info)
  if (typeof s !== 'object' || s === null) return undefined
  const streams: { [key: string]: { [K in Kind]: boolean } } = Object.create(null)
  for (const [key, letters] of Object.entries(s).slice(0, MAX_STREAMS)) {
    if (!isKey(key) || typeof letters !== 'string') continue
    streams[key] = { audio: letters.includes('a'), video: letters.includes('v') }
  }
  return {
    ...(isText(n, MAX.name) && { name: n }),
    ...(isText(c, MAX.context) && { context: c }),
    streams
  }
}

export function isKey(key: unknown): key is string {
  return isText(key, MAX.key) && key !== '__proto__'
}

/** Throws a `TypeError` for what nobody could be told. */
export function assertInfo({ name, context }: { name?: unknown; context?: unknown }): void {
  for (const [field, value] of Object.entries({ name, context })) {
    const max = MAX[field as 'name' | 'context']
    if (value !== undefined && value !== '' && !isText(value, max))
      throw new TypeError(`${field} must be text of up to ${max} characters`)
  }
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= max
}
