import {
  atMost,
  clipText,
  concat,
  copy,
  decodeText,
  encodeText,
  ID_SIZE,
  NO_SIGNATURE,
  NOTHING,
  Reader,
  SIGNATURE_SIZE,
  toKey,
  type Walk,
  Writer,
  ZERO_ID
} from './bytes.ts'
import { isCode, SignalError } from './errors.ts'
import { type AddressedKind, CEILING, FLAG, KIND, KINDS, type Kind } from './protocol.ts'

/** A message that was kept. */
export interface Past {
  /** When. Each of a topic has another, and a later one a greater. Unit: microseconds since 1970. */
  at: number
  /** As it was delivered. */
  frame: Uint8Array
}

/** How one field stands in a frame: reads it, or writes the value, and gives it. */
type Field<T> = (walk: Walk, value?: T) => T

/** Somebody in a topic; `info` is what it said of itself when it joined, at most 1 KiB, empty when not asked for. */
export interface MemberBytes {
  /** 32 bytes. */
  id: Uint8Array
  /** JSON as UTF-8, at most 1 KiB. */
  info: Uint8Array
}

const bytes =
  (size?: number): Field<Uint8Array> =>
  (walk, value) =>
    walk.bytes(value, size)
const u8: Field<number> = (walk, value) => walk.u8(value)
const u16: Field<number> = (walk, value) => walk.u16(value)
const u32: Field<number> = (walk, value) => walk.u32(value)
/** A whole number up to 2^53. */
const u64: Field<number> = (walk, value = 0) => {
  const high = atMost(walk.u32(Math.floor(value / 2 ** 32)), 0x1fffff)
  return high * 2 ** 32 + walk.u32(value % 2 ** 32)
}
const id = bytes(ID_SIZE)
/** Whatever is left. */
const rest = bytes()
/** One of the flags. */
const bit =
  (mask: number): Field<boolean> =>
  (walk, value) => {
    if (value) walk.flags |= mask
    return (walk.flags & mask) !== 0
  }
/** All of them, as they are. */
const flags: Field<number> = (walk, value = 0) => (walk.flags |= value)
/** An id that is zero and means nothing unless its flag is set. */
const optionalId =
  (mask: number): Field<Uint8Array | undefined> =>
  (walk, value) => {
    const given = id(walk, value ?? ZERO_ID)
    return bit(mask)(walk, value !== undefined) ? given : undefined
  }
const field =
  (max: number): Field<Uint8Array> =>
  (walk, value) =>
    walk.field(max, value)
const text =
  (max: number): Field<string> =>
  (walk, value = '') =>
    decodeText(walk.field(max, clipText(value, max)))
const restText =
  (max: number): Field<string> =>
  (walk, value = '') => {
    const given = walk.bytes(clipText(value, max))
    atMost(given.length, max)
    return decodeText(given)
  }
// A hook may throw any code; what can't stand in a frame goes as INTERNAL.
const code: Field<string> = (walk, value = '') => {
  const given = text(CEILING.code)(walk, isCode(value) ? value : 'INTERNAL')
  if (isCode(given)) return given
  throw new SignalError('BAD_FRAME', 'a code is A-Z, 0-9 and _')
}
const versions: Field<number[]> = (walk, value = []) => {
  const count = atMost(walk.u8(value.length), CEILING.versions)
  return [...walk.bytes(Uint8Array.from(value), count)]
}
const list =
  <T>(each: Field<T>): Field<T[]> =>
  (walk, value = []) => {
    const length = atMost(walk.u16(value.length), CEILING.ids)
    return Array.from({ length }, (_, i) => each(walk, value[i]))
  }
const ids = list(id)
const members: Field<MemberBytes[]> = list((walk, value) => ({
  id: id(walk, value?.id),
  info: walk.field(CEILING.info, value?.info)
}))
const past: Field<Past[]> = list((walk, value) => ({
  at: u64(walk, value?.at),
  frame: walk.field(CEILING.kept, value?.frame)
}))

/** Every kind but the addressed ones: its fields, in the order of their bytes. */
const LAYOUT = {
  challenge: { versions, nonce: id },
  hello: {
    proven: bit(FLAG.proven),
    resume: bit(FLAG.resume),
    version: u8,
    id,
    resumeKey: id,
    received: u32,
    audience: text(CEILING.audience),
    token: text(CEILING.token),
    signature: bytes(SIGNATURE_SIZE)
  },
  welcome: {
    resumed: bit(FLAG.resume),
    pingInterval: u32,
    maxPayload: u32,
    maxMessage: u32,
    resumeWindow: u32,
    received: u32,
    lost: u32,
    resumeKey: id,
    body: rest
  },
  update: { body: rest },
  goodbye: { code: u16, retryAfterMs: u32, reason: restText(CEILING.reason) },
  // `received`: frames that the sender of this one has had since welcome, so that the other side can count losses.
  ping: { received: u32 },
  pong: { received: u32 },
  result: { flags, body: rest },
  error: { retryAfterMs: u32, code, message: text(CEILING.message), retryable: bit(FLAG.retryable) },
  join: { topic: id, limit: u16, info: field(CEILING.info), watch: bit(FLAG.watch) },
  leave: { topic: id },
  lookup: { topic: id, limit: u16, after: optionalId(FLAG.after), details: bit(FLAG.details) },
  watch: { topic: id, id, watch: bit(FLAG.watch) },
  presence: { resync: bit(FLAG.resync), topic: id, joined: members, left: ids, away: ids, back: ids },
  token: { token: restText(CEILING.token) },
  moderate: { flags, topic: id, id, body: rest },
  history: { topic: id, limit: u16, before: u64 }
  // biome-ignore lint/suspicious/noExplicitAny: each field has a type of its own.
} satisfies { [K in Exclude<Kind, AddressedKind>]: { [name: string]: Field<any> } }

type Layout = typeof LAYOUT
type Plain<K extends keyof Layout> = { readonly kind: K; readonly requestId: number } & {
  [F in keyof Layout[K]]: Layout[K][F] extends Field<infer T> ? T : never
}

/** A frame: its kind, the request id (0: no answer expected), and its fields. */
export type Challenge = Plain<'challenge'>
/** `unsigned`: every byte before the signature, which is what is signed. Set by decodeFrame. */
export type Hello = Plain<'hello'> & { unsigned?: Uint8Array }
/** The server has taken a hello: what it bounds, and with what key the next socket may go on. */
export type Welcome = Plain<'welcome'>
/** An answer to a request; in pages where it is long (FLAG.more). */
export type Result = Plain<'result'>
/** A request came to nothing: a stable code, and words. */
export type Failure = Plain<'error'>
/** Who came, left, went away or is back in a topic that is watched. */
export type Presence = Plain<'presence'>
/** A client asks for a decision about a peer, or the server tells of one. */
export type Moderate = Plain<'moderate'>
/** A frame whose kind this version does not know; answered with an error when it asks for an answer. */
export type Unknown = {
  /** In place of the name of its first byte. */
  readonly kind: 'unknown'
  /** 0: no answer is expected. */
  readonly requestId: number
}
type AnyPlain = { [K in keyof Layout]: K extends 'hello' ? Hello : Plain<K> }[keyof Layout]
/** Every frame that can come, by its `kind`. PROTOCOL.md has the bytes. */
export type Frame = AnyPlain | Addressed | Unknown

/** Any frame that can be sent. Its request id, by default 0, is set by the request that it becomes. */
export type Sendable = Addressed | Unnumbered<AnyPlain>
type Unnumbered<F> = F extends AnyPlain ? Omit<F, 'requestId'> & { readonly requestId?: number } : never

/** Where the parts of a frame begin: its fields behind the head, those of an addressed one each in its place. */
enum AT {
  fields = 6,
  address = 6,
  topic = 38,
  session = 70,
  seq = 102,
  signature = 106,
  body = 170
}
/** Where the address stands in a frame that has one. */
export const ADDRESS_AT: number = AT.address
/** What an addressed frame takes beyond its body. Unit: bytes. */
export const ADDRESSED_SIZE: number = AT.body

/**
 * A frame from peer to peer, as a view of its own buffer: a server reads and patches in place, and forwards the very
 * same bytes. On the way in, `address` is the destination; the server overwrites it with the sender's id.
 */
export class Addressed {
  /** The whole frame. What is set here is written into it. */
  readonly bytes: Uint8Array
  /** As its first byte says. */
  readonly kind: AddressedKind

  constructor(bytes: Uint8Array, kind: AddressedKind) {
    this.bytes = bytes
    this.kind = kind
  }

  /** Bits of `FLAG`. */
  get flags(): number {
    return this.bytes[1] as number
  }

  /** 0: no answer is expected. */
  get requestId(): number {
    return readU32(this.bytes, 2)
  }

  /** 0 to 2^32 - 1. */
  set requestId(id: number) {
    for (let i = 5; i > 1; i--, id >>>= 8) this.bytes[i] = id
  }

  /** 32 bytes, a view: the destination on its way to the server, from there on the sender. */
  get address(): Uint8Array {
    return this.bytes.subarray(AT.address, AT.topic)
  }

  /** 32 bytes, which are copied into the frame. */
  set address(id: Uint8Array) {
    this.bytes.set(id, AT.address)
  }

  /** 32 bytes, a view. */
  get topic(): Uint8Array {
    return this.bytes.subarray(AT.topic, AT.session)
  }

  /** 32 bytes, a view: of one connection, or of one start of a sender of messages. */
  get session(): Uint8Array {
    return this.bytes.subarray(AT.session, AT.seq)
  }

  /** One key for sender and session, or for destination and session. */
  get route(): string {
    return toKey(this.address) + toKey(this.session)
  }

  /** Counts up within a session, so that what comes twice is known. */
  get seq(): number {
    return readU32(this.bytes, AT.seq)
  }

  /** 64 bytes, a view; zero: not signed. */
  get signature(): Uint8Array {
    return this.bytes.subarray(AT.signature, AT.body)
  }

  /** 64 bytes, which are copied into the frame. */
  set signature(signature: Uint8Array) {
    this.bytes.set(signature, AT.signature)
  }

  /** Whatever is left, a view: see `decodeBody`. */
  get body(): Uint8Array {
    return this.bytes.subarray(AT.body)
  }
}

/** What a frame from peer to peer is made of. Ids, topic and session: 32 bytes each. */
export interface AddressedFields {
  /** Bits of `FLAG`. */
  flags: number
  /** The destination; 32 zero bytes: everybody in the topic. */
  address: Uint8Array
  /** 32 bytes. */
  topic: Uint8Array
  /** 32 bytes. */
  session: Uint8Array
  /** From 1 on, up to 2^32 - 1. */
  seq: number
  /** As `encodeBody` gives it. */
  body: Uint8Array
}

/** Makes a frame that is not signed yet, in a buffer of its own. */
export function createAddressed(kind: AddressedKind, fields: AddressedFields): Addressed {
  const { flags, address, topic, session, seq, body } = fields
  const writer = new Writer()
  writer.u8(KIND[kind])
  writer.u8(flags)
  writer.u32()
  for (const part of [address, topic, session]) writer.bytes(part)
  writer.u32(seq)
  writer.bytes(NO_SIGNATURE)
  writer.bytes(body)
  return new Addressed(writer.done(), kind)
}

const DOMAIN = encodeText('socket-signal frame 1')

/**
 * What an addressed frame is signed over. `from` is who made it, `to` its destination (zero: everybody), whichever
 * of them its address holds now; `re` is the signature of the request that it answers, 64 zero bytes if it answers none.
 */
export function sealedBytes(frame: Addressed, from: Uint8Array, to: Uint8Array, re: Uint8Array): Uint8Array {
  const { bytes } = frame
  return concat(
    DOMAIN,
    bytes.subarray(0, 2),
    from,
    to,
    bytes.subarray(AT.topic, AT.signature),
    re,
    bytes.subarray(AT.body)
  )
}

/** Reads one message off the wire. Throws nothing but a SignalError with code BAD_FRAME. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const byte = bytes[0] as number
  const kind = KINDS[byte]
  const isAddressed = kind !== undefined && byte >= KIND.offer
  if (bytes.length < (isAddressed ? AT.body : AT.fields))
    throw new SignalError('BAD_FRAME', 'a frame ends too early')
  if (isAddressed) return new Addressed(bytes, kind as AddressedKind)
  const requestId = readU32(bytes, 2)
  if (kind === undefined) return { kind: 'unknown', requestId }
  const reader = new Reader(bytes, AT.fields)
  reader.flags = bytes[1] as number
  const frame: { [name: string]: unknown } = { kind, requestId }
  for (const [name, field] of fieldsOf(kind)) frame[name] = field(reader)
  reader.end()
  if (kind === 'hello') frame.unsigned = bytes.subarray(0, -SIGNATURE_SIZE)
  return frame as AnyPlain
}

/** Writes a frame, under its own request id or another; of an addressed one it makes a copy. */
export function encodeFrame(frame: Sendable, requestId = frame.requestId ?? 0): Uint8Array {
  if (frame instanceof Addressed) {
    const again = new Addressed(copy(frame.bytes), frame.kind)
    again.requestId = requestId
    return again.bytes
  }
  const writer = new Writer()
  writer.u8(KIND[frame.kind])
  writer.u8()
  writer.u32(requestId)
  for (const [name, field] of fieldsOf(frame.kind))
    field(writer, (frame as { [name: string]: unknown })[name])
  const bytes = writer.done()
  bytes[1] = writer.flags
  return bytes
}

/** A list of ids as it stands in a result: `count u16 • id*`. */
export function encodeIds(list: Uint8Array[]): Uint8Array {
  const writer = new Writer()
  ids(writer, list)
  return writer.done()
}

/** A list of members as it stands in a result: `count u16 • (id • info)*`. */
export function encodeMembers(list: MemberBytes[]): Uint8Array {
  const writer = new Writer()
  members(writer, list)
  return writer.done()
}

/** Reads a list of members: with `details` each with its info. Throws BAD_FRAME. */
export function decodeMembers(body: Uint8Array, details: boolean): MemberBytes[] {
  const reader = new Reader(body)
  const list = details ? members(reader) : ids(reader).map(id => ({ id, info: NOTHING }))
  reader.end()
  return list
}

/** Kept messages as they stand in a result: `count u16 • (at u64 • len16 frame)*`. */
export function encodePast(list: readonly Past[]): Uint8Array {
  const writer = new Writer()
  past(writer, [...list])
  return writer.done()
}

export function decodePast(body: Uint8Array): Past[] {
  const reader = new Reader(body)
  const list = past(reader)
  reader.end()
  return list
}

function fieldsOf(kind: Kind): [string, Field<unknown>][] {
  return Object.entries(LAYOUT[kind as keyof Layout]) as [string, Field<unknown>][]
}

function readU32(bytes: Uint8Array, at: number): number {
  let value = 0
  for (let i = at; i < at + 4; i++) value = value * 256 + (bytes[i] as number)
  return value
}
