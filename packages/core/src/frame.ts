import {
  clipText,
  concat,
  decodeText,
  encodeText,
  ID_SIZE,
  Reader,
  SIGNATURE_SIZE,
  toKey,
  Writer
} from './bytes.ts'
import { isCode, SignalError } from './errors.ts'
import { type AddressedKind, CEILING, FLAG, KIND, kindOf } from './protocol.ts'

/** Every frame: its kind, the request id (0: no answer expected), and its flags, which each kind reads its own way. */
interface Head<K extends string> {
  readonly kind: K
  readonly requestId: number
}

export interface Challenge extends Head<'challenge'> {
  versions: number[]
  nonce: Uint8Array
}

export interface Hello extends Head<'hello'> {
  version: number
  id: Uint8Array
  proven: boolean
  resume: boolean
  resumeKey: Uint8Array
  received: number
  audience: string
  token: string
  signature: Uint8Array
  /** Every byte before the signature: what is signed. Set by decodeFrame. */
  unsigned?: Uint8Array
}

export interface Welcome extends Head<'welcome'> {
  resumed: boolean
  pingInterval: number
  maxPayload: number
  maxMessage: number
  resumeWindow: number
  received: number
  lost: number
  resumeKey: Uint8Array
  body: Uint8Array
}

export interface Goodbye extends Head<'goodbye'> {
  code: number
  retryAfterMs: number
  reason: string
}

/** `received`: frames that the sender of this one has had since welcome, so that the other side can count losses. */
export interface Ping extends Head<'ping' | 'pong'> {
  received: number
}

export interface Result extends Head<'result'> {
  flags: number
  body: Uint8Array
}

export interface ErrorFrame extends Head<'error'> {
  code: string
  message: string
  retryable: boolean
  retryAfterMs: number
}

export interface Join extends Head<'join'> {
  topic: Uint8Array
  watch: boolean
  limit: number
  info: Uint8Array
}

export interface Leave extends Head<'leave'> {
  topic: Uint8Array
}

export interface Lookup extends Head<'lookup'> {
  topic: Uint8Array
  details: boolean
  limit: number
  after: Uint8Array | undefined
}

export interface Watch extends Head<'watch'> {
  topic: Uint8Array
  id: Uint8Array
  watch: boolean
}

/** Somebody in a topic; `info` is what it said of itself when it joined, at most 1 KiB, empty when not asked for. */
export interface MemberBytes {
  id: Uint8Array
  info: Uint8Array
}

export interface Presence extends Head<'presence'> {
  topic: Uint8Array
  resync: boolean
  joined: MemberBytes[]
  left: Uint8Array[]
  away: Uint8Array[]
  back: Uint8Array[]
}

export interface Token extends Head<'token'> {
  token: string
}

export interface Moderate extends Head<'moderate'> {
  flags: number
  topic: Uint8Array
  id: Uint8Array
  body: Uint8Array
}

/** A frame whose kind this version does not know; answered with an error when it asks for an answer. */
export interface Unknown extends Head<'unknown'> {}

export type Frame =
  | Challenge
  | Hello
  | Welcome
  | Goodbye
  | Ping
  | Result
  | ErrorFrame
  | Join
  | Leave
  | Lookup
  | Watch
  | Presence
  | Token
  | Moderate
  | Addressed
  | Unknown

const HEAD = 6
const ADDRESS = HEAD
const TOPIC = ADDRESS + ID_SIZE
const SESSION = TOPIC + ID_SIZE
const SEQ = SESSION + ID_SIZE
const SIGNATURE = SEQ + 4
const BODY = SIGNATURE + SIGNATURE_SIZE

/**
 * A frame from peer to peer, as a view of its own buffer: a server reads and patches in place, and forwards the very
 * same bytes. On the way in, `address` is the destination; the server overwrites it with the sender's id.
 */
export class Addressed {
  readonly bytes: Uint8Array
  readonly kind: AddressedKind

  constructor(bytes: Uint8Array, kind: AddressedKind) {
    this.bytes = bytes
    this.kind = kind
  }

  get flags(): number {
    return this.bytes[1] as number
  }

  get requestId(): number {
    return readId(this.bytes)
  }

  set requestId(id: number) {
    const { bytes } = this
    bytes[2] = id >>> 24
    bytes[3] = id >>> 16
    bytes[4] = id >>> 8
    bytes[5] = id
  }

  get address(): Uint8Array {
    return this.bytes.subarray(ADDRESS, TOPIC)
  }

  set address(id: Uint8Array) {
    this.bytes.set(id, ADDRESS)
  }

  get topic(): Uint8Array {
    return this.bytes.subarray(TOPIC, SESSION)
  }

  get session(): Uint8Array {
    return this.bytes.subarray(SESSION, SEQ)
  }

  /** One key for sender and session, or for destination and session. */
  get addressAndSession(): string {
    return toKey(this.address) + toKey(this.session)
  }

  get seq(): number {
    return readU32(this.bytes, SEQ)
  }

  get signature(): Uint8Array {
    return this.bytes.subarray(SIGNATURE, BODY)
  }

  set signature(signature: Uint8Array) {
    this.bytes.set(signature, SIGNATURE)
  }

  get body(): Uint8Array {
    return this.bytes.subarray(BODY)
  }
}

export interface AddressedFields {
  flags: number
  address: Uint8Array
  topic: Uint8Array
  session: Uint8Array
  seq: number
  body: Uint8Array
}

export function createAddressed(kind: AddressedKind, fields: AddressedFields): Addressed {
  const { flags, address, topic, session, seq, body } = fields
  const writer = new Writer(BODY + body.length).u8(KIND[kind]).u8(flags).u32(0)
  writer.bytes(address).bytes(topic).bytes(session).u32(seq).bytes(new Uint8Array(SIGNATURE_SIZE)).bytes(body)
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
    bytes.subarray(TOPIC, SIGNATURE),
    re,
    bytes.subarray(BODY)
  )
}

/** Reads one message off the wire. Throws nothing but a SignalError with code BAD_FRAME. */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length < HEAD) throw new SignalError('BAD_FRAME', `a frame has at least ${HEAD} bytes`)
  const kind = kindOf(bytes[0] as number)
  if (kind === undefined) return { kind: 'unknown', requestId: readId(bytes) }
  const decode = DECODE[kind]
  if (decode)
    return decode(new Reader(bytes, HEAD), { requestId: readId(bytes), flags: bytes[1] as number, bytes })
  if (bytes.length < BODY) throw new SignalError('BAD_FRAME', 'a frame ends before its fields do')
  return new Addressed(bytes, kind as AddressedKind)
}

/** Writes a frame that is not addressed; those are made by `createAddressed`. */
export function encodeFrame(frame: Exclude<Frame, Addressed | Unknown>): Uint8Array {
  switch (frame.kind) {
    case 'challenge':
      return head(frame)
        .u8(frame.versions.length)
        .bytes(Uint8Array.from(frame.versions))
        .bytes(frame.nonce)
        .done()
    case 'hello':
      return concat(frame.unsigned ?? helloUnsigned(frame), frame.signature)
    case 'welcome':
      return encodeWelcome(frame)
    case 'goodbye':
      return head(frame)
        .u16(frame.code)
        .u32(frame.retryAfterMs)
        .bytes(clipText(frame.reason, CEILING.reason))
        .done()
    case 'ping':
    case 'pong':
      return head(frame).u32(frame.received).done()
    case 'result':
      return head(frame, frame.flags).bytes(frame.body).done()
    case 'error':
      return encodeError(frame)
    case 'join':
      return head(frame, frame.watch ? FLAG.watch : 0)
        .bytes(frame.topic)
        .u16(frame.limit)
        .field(frame.info)
        .done()
    case 'leave':
      return head(frame).bytes(frame.topic).done()
    case 'lookup':
      return encodeLookup(frame)
    case 'watch':
      return head(frame, frame.watch ? FLAG.watch : 0)
        .bytes(frame.topic)
        .bytes(frame.id)
        .done()
    case 'presence':
      return encodePresence(frame)
    case 'token':
      return head(frame).bytes(encodeText(frame.token)).done()
    case 'moderate':
      return head(frame, frame.flags).bytes(frame.topic).bytes(frame.id).bytes(frame.body).done()
  }
}

/** The bytes of a hello that its signature covers. */
export function helloUnsigned(frame: Hello): Uint8Array {
  const flags = (frame.proven ? FLAG.proven : 0) | (frame.resume ? FLAG.resume : 0)
  const writer = head(frame, flags)
    .u8(frame.version)
    .bytes(frame.id)
    .bytes(frame.resumeKey)
    .u32(frame.received)
  return writer.field(encodeText(frame.audience)).field(encodeText(frame.token)).done()
}

/** A list of members as it stands in a result: `count u16 • (id • info?)*`. */
export function encodeMembers(members: readonly MemberBytes[], details: boolean): Uint8Array {
  return writeMembers(new Writer(2 + members.length * ID_SIZE), members, details).done()
}

export function decodeMembers(body: Uint8Array, details: boolean): MemberBytes[] {
  const reader = new Reader(body)
  const members = readMembers(reader, details)
  reader.end()
  return members
}

interface DecodeHead {
  requestId: number
  flags: number
  bytes: Uint8Array
}

type Decode = (reader: Reader, head: DecodeHead) => Frame

const DECODE: { readonly [kind: string]: Decode | undefined } = {
  challenge: (reader, { requestId }) => {
    const versions = Array.from(reader.take(atMost(reader.u8(), CEILING.versions)))
    return ended(reader, { kind: 'challenge', requestId, versions, nonce: reader.take(ID_SIZE) })
  },
  hello: (reader, { requestId, flags, bytes }) => {
    const hello: Hello = {
      kind: 'hello',
      requestId,
      proven: (flags & FLAG.proven) !== 0,
      resume: (flags & FLAG.resume) !== 0,
      version: reader.u8(),
      id: reader.take(ID_SIZE),
      resumeKey: reader.take(ID_SIZE),
      received: reader.u32(),
      audience: reader.text(CEILING.audience),
      token: reader.text(CEILING.token),
      signature: reader.take(SIGNATURE_SIZE),
      unsigned: bytes.subarray(0, bytes.length - SIGNATURE_SIZE)
    }
    return ended(reader, hello)
  },
  welcome: (reader, { requestId, flags }) => ({
    kind: 'welcome',
    requestId,
    resumed: (flags & FLAG.resume) !== 0,
    pingInterval: reader.u32(),
    maxPayload: reader.u32(),
    maxMessage: reader.u32(),
    resumeWindow: reader.u32(),
    received: reader.u32(),
    lost: reader.u32(),
    resumeKey: reader.take(ID_SIZE),
    body: reader.rest()
  }),
  goodbye: (reader, { requestId }) => {
    const [code, retryAfterMs] = [reader.u16(), reader.u32()]
    return { kind: 'goodbye', requestId, code, retryAfterMs, reason: restText(reader, CEILING.reason) }
  },
  ping: (reader, { requestId }) => ended(reader, { kind: 'ping', requestId, received: reader.u32() }),
  pong: (reader, { requestId }) => ended(reader, { kind: 'pong', requestId, received: reader.u32() }),
  result: (reader, { requestId, flags }) => ({ kind: 'result', requestId, flags, body: reader.rest() }),
  error: (reader, { requestId, flags }) => {
    const [retryAfterMs, code, message] = [
      reader.u32(),
      reader.text(CEILING.code),
      reader.text(CEILING.message)
    ]
    if (!isCode(code))
      throw new SignalError('BAD_FRAME', 'an error code has other characters than A-Z, 0-9 and _')
    return ended(reader, {
      kind: 'error',
      requestId,
      code,
      message,
      retryAfterMs,
      retryable: (flags & FLAG.retryable) !== 0
    })
  },
  join: (reader, { requestId, flags }) => {
    const [topic, limit, info] = [reader.take(ID_SIZE), reader.u16(), reader.field(CEILING.info)]
    return ended(reader, { kind: 'join', requestId, topic, limit, info, watch: (flags & FLAG.watch) !== 0 })
  },
  leave: (reader, { requestId }) => ended(reader, { kind: 'leave', requestId, topic: reader.take(ID_SIZE) }),
  lookup: (reader, { requestId, flags }) => {
    const [topic, limit, id] = [reader.take(ID_SIZE), reader.u16(), reader.take(ID_SIZE)]
    const after = (flags & FLAG.after) !== 0 ? id : undefined
    return ended(reader, {
      kind: 'lookup',
      requestId,
      topic,
      limit,
      after,
      details: (flags & FLAG.details) !== 0
    })
  },
  watch: (reader, { requestId, flags }) => {
    const [topic, id] = [reader.take(ID_SIZE), reader.take(ID_SIZE)]
    return ended(reader, { kind: 'watch', requestId, topic, id, watch: (flags & FLAG.watch) !== 0 })
  },
  presence: (reader, { requestId, flags }) => {
    const [topic, joined] = [reader.take(ID_SIZE), readMembers(reader, true)]
    const [left, away, back] = [readIds(reader), readIds(reader), readIds(reader)]
    return ended(reader, {
      kind: 'presence',
      requestId,
      resync: (flags & FLAG.resync) !== 0,
      topic,
      joined,
      left,
      away,
      back
    })
  },
  token: (reader, { requestId }) => ({ kind: 'token', requestId, token: restText(reader, CEILING.token) }),
  moderate: (reader, { requestId, flags }) => {
    const [topic, id] = [reader.take(ID_SIZE), reader.take(ID_SIZE)]
    return { kind: 'moderate', requestId, flags, topic, id, body: reader.rest() }
  }
}

function head(frame: Exclude<Frame, Addressed | Unknown>, flags = 0): Writer {
  return new Writer().u8(KIND[frame.kind]).u8(flags).u32(frame.requestId)
}

function encodeWelcome(frame: Welcome): Uint8Array {
  const writer = head(frame, frame.resumed ? FLAG.resume : 0)
    .u32(frame.pingInterval)
    .u32(frame.maxPayload)
  writer.u32(frame.maxMessage).u32(frame.resumeWindow).u32(frame.received).u32(frame.lost)
  return writer.bytes(frame.resumeKey).bytes(frame.body).done()
}

function encodeError(frame: ErrorFrame): Uint8Array {
  const writer = head(frame, frame.retryable ? FLAG.retryable : 0).u32(frame.retryAfterMs)
  return writer
    .field(encodeText(isCode(frame.code) ? frame.code : 'INTERNAL')) // A hook may throw any code.
    .field(clipText(frame.message, CEILING.message))
    .done()
}

function encodeLookup(frame: Lookup): Uint8Array {
  const flags = (frame.after ? FLAG.after : 0) | (frame.details ? FLAG.details : 0)
  return head(frame, flags)
    .bytes(frame.topic)
    .u16(frame.limit)
    .bytes(frame.after ?? new Uint8Array(ID_SIZE))
    .done()
}

function encodePresence(frame: Presence): Uint8Array {
  const writer = head(frame, frame.resync ? FLAG.resync : 0).bytes(frame.topic)
  writeMembers(writer, frame.joined, true)
  for (const ids of [frame.left, frame.away, frame.back]) {
    writer.u16(ids.length)
    for (const id of ids) writer.bytes(id)
  }
  return writer.done()
}

function writeMembers(writer: Writer, members: readonly MemberBytes[], details: boolean): Writer {
  writer.u16(members.length)
  for (const { id, info } of members) {
    writer.bytes(id)
    if (details) writer.field(info)
  }
  return writer
}

function readMembers(reader: Reader, details: boolean): MemberBytes[] {
  return Array.from({ length: atMost(reader.u16(), CEILING.ids) }, () => ({
    id: reader.take(ID_SIZE),
    info: details ? reader.field(CEILING.info) : new Uint8Array(0)
  }))
}

function readIds(reader: Reader): Uint8Array[] {
  return Array.from({ length: atMost(reader.u16(), CEILING.ids) }, () => reader.take(ID_SIZE))
}

function atMost(count: number, max: number): number {
  if (count > max) throw new SignalError('BAD_FRAME', `a count of ${count} where ${max} are allowed`)
  return count
}

function restText(reader: Reader, max: number): string {
  const bytes = reader.rest()
  if (bytes.length > max)
    throw new SignalError('BAD_FRAME', `a text of ${bytes.length} bytes where ${max} are allowed`)
  return decodeText(bytes)
}

function ended<F extends Frame>(reader: Reader, frame: F): F {
  reader.end()
  return frame
}

function readId(bytes: Uint8Array): number {
  return readU32(bytes, 2)
}

function readU32(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [
    number,
    number,
    number,
    number
  ]
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
}
