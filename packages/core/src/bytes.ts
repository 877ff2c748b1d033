import { SignalError } from './errors.ts'

/** Size of every topic, peer id and session id. Unit: bytes. */
export const ID_SIZE = 32
/** Size of an Ed25519 signature. Unit: bytes. */
export const SIGNATURE_SIZE = 64

const utf8 = new TextEncoder()
const fromUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The 32 zero bytes: in a message's address they mean "everybody in the topic". */
export const ZERO_ID: Uint8Array = new Uint8Array(ID_SIZE)

/** 64 zero bytes: "not signed", and "answers nothing" where a frame is signed over the signature that it answers. */
export const NO_SIGNATURE: Uint8Array = new Uint8Array(SIGNATURE_SIZE)

/** No bytes at all. */
export const NOTHING: Uint8Array = new Uint8Array(0)

/** Throws a `TypeError` unless `value` is exactly `size` bytes. */
export function assertBytes(value: unknown, name: string, size = ID_SIZE): asserts value is Uint8Array {
  if (value instanceof Uint8Array && value.length === size) return
  throw new TypeError(`${name} must be a Uint8Array (or Buffer) of ${size} bytes, got ${describe(value)}`)
}

/** A copy of what has to be 32 bytes: whatever the caller does with its own later. Else throws a `TypeError`. */
export function copyId(value: Uint8Array, name: string): Uint8Array {
  assertBytes(value, name)
  return copy(value)
}

/** Throws a `TypeError` unless both are 32 bytes. */
export function assertPeer(topic: unknown, peerId: unknown): void {
  assertBytes(topic, 'topic')
  assertBytes(peerId, 'peerId')
}

/** Says what a value is, without printing it: a wrong argument may be a secret. */
export function describe(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value === 'string') return `a string of ${value.length} characters`
  if (typeof value === 'number' || typeof value === 'boolean' || value == null) return String(value)
  return typeof value === 'object'
    ? `an object (${value.constructor?.name ?? 'no prototype'})`
    : `a ${typeof value}`
}

/** One string for 32 bytes, to be used as a key of a Map; two hundred times faster to compare than bytes. */
export function toKey(bytes: Uint8Array): string {
  const buffer = bytes as Uint8Array & { latin1Slice?: (from: number, to: number) => string }
  return buffer.latin1Slice?.(0, bytes.length) ?? String.fromCharCode(...bytes)
}

/** The bytes that `toKey` was given. */
export function fromKey(key: string): Uint8Array {
  return copy(Uint8Array.from(key, byte => byte.charCodeAt(0)))
}

/**
 * A copy that the caller may keep, a Buffer where there are Buffers.
 * What comes off a socket shares a slab of 64 KiB: a kept view of 32 bytes would hold all of it.
 */
export function copy(bytes: Uint8Array): Uint8Array {
  const { Buffer } = globalThis as { Buffer?: { from(bytes: Uint8Array): Uint8Array } }
  return Buffer?.from(bytes) ?? bytes.slice()
}

/** Whether both are of the same bytes. Stops at the first that differs: not for secrets. */
export function equals(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Whether all are zero. */
export function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false
  return true
}

/** Ids that begin with this belong to doors: no client may have one, so whoever has it was let in by a door. */
export const DOOR: Uint8Array = /* @__PURE__ */ new Uint8Array(8)

/** Whether it is an id that only a door gives. */
export function isDoorId(id: Uint8Array): boolean {
  return equals(id.subarray(0, DOOR.length), DOOR) && !isZero(id)
}

/** All of them, in a buffer of its own. */
export function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Text as UTF-8. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return utf8.encode(text)
}

/** Throws BAD_FRAME when the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return fromUtf8.decode(bytes)
  } catch (cause) {
    throw new SignalError('BAD_FRAME', 'text is not UTF-8', { cause })
  }
}

/** Text as UTF-8, cut to a number of bytes, never within a character. */
export function clipText(text: string, max: number): Uint8Array<ArrayBuffer> {
  const bytes = encodeText(text)
  let end = max
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end-- // The next byte goes on with a character.
  return bytes.subarray(0, end)
}

/** Lower case, two digits a byte: 64 for an id. */
export function toHex(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return hex
}

/** A number whose lowest byte is the first. */
export function toNumber(bytes: Uint8Array): bigint {
  return bytes.reduceRight((number, byte) => number * 256n + BigInt(byte), 0n)
}

/** Two bytes, the higher one first. */
export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 255)
}

/** Throws BAD_FRAME for more than `max` of something. */
export function atMost(count: number, max: number): number {
  if (count > max) throw new SignalError('BAD_FRAME', `${count} where ${max} are allowed`)
  return count
}

/**
 * One walk over the fields of a frame, to read or to write them: each method is told what to write, and gives what
 * stands there then. So a layout is said once, for both.
 */
export abstract class Walk {
  /** The second byte of the frame. */
  flags = 0

  /** `size` bytes, by default all that are left. */
  abstract bytes(value?: Uint8Array, size?: number): Uint8Array

  u8(value = 0): number {
    return this.bytes(Uint8Array.of(value), 1)[0] as number
  }

  /** A number that does not fit is written as the largest that does, so that "no limit" never reads as 0. */
  u16(value = 0): number {
    const [a, b] = this.bytes(u16(Math.min(value, 0xffff)), 2) as unknown as [number, number]
    return (a << 8) | b
  }

  /** As `u16`. */
  u32(value = 0): number {
    const number = Math.min(value, 0xffffffff)
    return this.u16(number >>> 16) * 0x10000 + this.u16(number & 0xffff)
  }

  /** A field behind its own length; longer than `max` bytes is refused before it is looked at. */
  field(max: number, value = NOTHING): Uint8Array {
    return this.bytes(value, atMost(this.u16(value.length), max))
  }
}

/** Never reads past the end: throws BAD_FRAME instead. */
export class Reader extends Walk {
  readonly #bytes: Uint8Array
  #at: number

  constructor(bytes: Uint8Array, at = 0) {
    super()
    this.#bytes = bytes
    this.#at = at
  }

  bytes(_value?: Uint8Array, size = this.#bytes.length - this.#at): Uint8Array {
    const part = this.#bytes.subarray(this.#at, this.#at + size)
    if (part.length < size) throw new SignalError('BAD_FRAME', 'a frame ends too early')
    this.#at += size
    return part
  }

  end(): void {
    if (this.bytes().length > 0) throw new SignalError('BAD_FRAME', 'a frame ends too late')
  }
}

/** Gathers fields, and writes them into one buffer. */
export class Writer extends Walk {
  readonly #parts: Uint8Array[] = []

  bytes(value: Uint8Array): Uint8Array {
    this.#parts.push(value)
    return value
  }

  done(): Uint8Array<ArrayBuffer> {
    return concat(...this.#parts)
  }
}
