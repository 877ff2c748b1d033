import { decodeFrame, type Kind } from 'socket-signal/wire'
import { EPOCH_SIZE, isEpoch, isNode, NODE_SIZE } from './entry.ts'

/**
 * What nodes say to one another. In a message: `version 1 • from 12 • number 8`, then for each note
 * `kind u8 • length u32 • body`. A message that comes twice has the same number twice.
 */
export type Note =
  /** To itself: whether it hears. */
  | { kind: 'beat'; count: number }
  /** For a mailbox. `reply`: to whom the answer goes, 32 bytes, and the request's id there. */
  | { kind: 'frame'; seq: number; to: Buffer; reply?: { id: Buffer; requestId: number }; frame: Buffer }
  | { kind: 'ack'; seq: number; result: Result }
  /** An id has another session now. */
  | { kind: 'lost'; id: Buffer; epoch: string }
  /** A member came, or is another now. `before`: the session that it goes on from, or zeros. */
  | { kind: 'entered'; topic: Buffer; before: string; entry: Buffer }
  | { kind: 'gone'; topic: Buffer; id: Buffer; epoch: string }
  /** A message to everybody in a topic but one. */
  | { kind: 'spoken'; topic: Buffer; except: Buffer; frame: Buffer }
  /** Asks for what a session left, by the hash of its resume key. */
  | { kind: 'ask'; seq: number; id: Buffer; key: Buffer; proven: boolean }
  | { kind: 'handed'; seq: number; kept: Buffer }
  /** A node ends, and has nobody any more. */
  | { kind: 'bye' }
  /** What servers tell one another. */
  | { kind: 'told'; note: Buffer }

export interface Message {
  from: string
  /** Of this message alone, of all that any node says. */
  number: string
  notes: Note[]
}

export enum Result {
  absent,
  taken,
  refused
}

const KINDS = [
  'beat',
  'frame',
  'ack',
  'lost',
  'entered',
  'gone',
  'spoken',
  'ask',
  'handed',
  'told',
  'bye'
] as const satisfies Note['kind'][]

const VERSION = 1
const HEAD = 1 + NODE_SIZE + 8
const ID = 32
/** Unit: bytes. What a session left is the largest. */
const MAX_MESSAGE = 16 * 1024 * 1024
export const MAX_NOTES = 8192
export const NO_EPOCH: string = '0'.repeat(EPOCH_SIZE)

export function encodeMessage(from: string, notes: readonly Buffer[]): Buffer {
  const number = [u32(Math.random() * 2 ** 32), u32(Math.random() * 2 ** 32)]
  return Buffer.concat([Buffer.of(VERSION), Buffer.from(from, 'latin1'), ...number, ...notes])
}

export function encodeNote(note: Note): Buffer {
  const body = Buffer.concat(parts(note))
  return Buffer.concat([Buffer.of(KINDS.indexOf(note.kind)), u32(body.length), body])
}

/** A frame, as `encodeNote` would make it: this is what there are most of. Its number is set when it goes. */
export function encodeFrameNote(
  to: Uint8Array,
  frame: Uint8Array,
  reply?: { id: Uint8Array; requestId: number }
): Buffer {
  const head = 5 + 4 + ID + 1 + (reply ? ID + 4 : 0)
  const note = Buffer.allocUnsafe(head + frame.length)
  note[0] = KINDS.indexOf('frame')
  note.writeUInt32BE(head - 5 + frame.length, 1)
  note.set(to, 9)
  note[9 + ID] = reply ? 1 : 0
  if (reply) {
    note.set(reply.id, 10 + ID)
    note.writeUInt32BE(reply.requestId, 10 + 2 * ID)
  }
  note.set(frame, head)
  return note
}

/** An acknowledgement, as `encodeNote` would make it. */
export function encodeAck(seq: number, result: Result): Buffer {
  const note = Buffer.allocUnsafe(10)
  note[0] = KINDS.indexOf('ack')
  note.writeUInt32BE(5, 1)
  note.writeUInt32BE(seq, 5)
  note[9] = result
  return note
}

/** Of a note that a script ends with an epoch: all that stands before. */
export function encodeLost(from: string, id: Uint8Array): Buffer {
  const whole = encodeMessage(from, [encodeNote({ kind: 'lost', id: Buffer.from(id), epoch: NO_EPOCH })])
  return whole.subarray(0, -EPOCH_SIZE)
}

/** Where the number of an encoded frame stands, so that it can be given late. */
export function setSeq(note: Buffer, seq: number): void {
  note.writeUInt32BE(seq, 5)
}

function parts(note: Note): Uint8Array[] {
  switch (note.kind) {
    case 'beat':
      return [u32(note.count)]
    case 'frame': {
      const { seq, to, reply, frame } = note
      const back = reply ? [reply.id, u32(reply.requestId)] : []
      return [u32(seq), to, Buffer.of(reply ? 1 : 0), ...back, frame]
    }
    case 'ack':
      return [u32(note.seq), Buffer.of(note.result)]
    case 'lost':
      return [note.id, Buffer.from(note.epoch)]
    case 'entered':
      return [note.topic, Buffer.from(note.before), note.entry]
    case 'gone':
      return [note.topic, note.id, Buffer.from(note.epoch)]
    case 'spoken':
      return [note.topic, note.except, note.frame]
    case 'ask':
      return [u32(note.seq), note.id, note.key, Buffer.of(note.proven ? 1 : 0)]
    case 'handed':
      return [u32(note.seq), note.kept]
    case 'told':
      return [note.note]
    case 'bye':
      return []
  }
}

/** Gives undefined for what is no message, or has a note that is none: anybody who reaches Redis may say anything. */
export function decodeMessage(message: Buffer): Message | undefined {
  if (message.length < HEAD || message.length > MAX_MESSAGE || message[0] !== VERSION) return undefined
  const from = message.toString('latin1', 1, 1 + NODE_SIZE)
  if (!isNode(from)) return undefined
  const notes: Note[] = []
  for (let at = HEAD; at < message.length; ) {
    if (at + 5 > message.length || notes.length >= MAX_NOTES) return undefined
    const end = at + 5 + message.readUInt32BE(at + 1)
    const kind = KINDS[message[at] as number]
    if (!kind || end > message.length) return undefined
    const note = decodeNote(kind, new Reader(message.subarray(at + 5, end)))
    if (!note) return undefined
    notes.push(note)
    at = end
  }
  return { from, number: message.toString('latin1', 1, HEAD), notes }
}

function decodeNote(kind: Note['kind'], body: Reader): Note | undefined {
  const note = read(kind, body)
  return body.isRight ? note : undefined
}

function read(kind: Note['kind'], body: Reader): Note {
  switch (kind) {
    case 'beat':
      return body.end({ kind, count: body.u32() })
    case 'frame': {
      const [seq, to] = [body.u32(), body.bytes(ID)]
      const reply = body.flag() ? { reply: { id: body.bytes(ID), requestId: body.u32() } } : {}
      return { kind, seq, to, ...reply, frame: body.frame() }
    }
    case 'ack':
      return body.end({ kind, seq: body.u32(), result: body.upTo(Result.refused) })
    case 'lost':
      return body.end({ kind, id: body.bytes(ID), epoch: body.epoch() })
    case 'entered':
      return { kind, topic: body.bytes(ID), before: body.epoch(), entry: body.rest() }
    case 'gone':
      return body.end({ kind, topic: body.bytes(ID), id: body.bytes(ID), epoch: body.epoch() })
    case 'spoken':
      return { kind, topic: body.bytes(ID), except: body.bytes(ID), frame: body.frame() }
    case 'ask':
      return body.end({
        kind,
        seq: body.u32(),
        id: body.bytes(ID),
        key: body.bytes(ID),
        proven: body.flag()
      })
    case 'handed':
      return { kind, seq: body.u32(), kept: body.rest() }
    case 'told':
      return { kind, note: body.rest() }
    case 'bye':
      return body.end({ kind })
  }
}

/** Reads a body. What is cut short, too long or out of range is told at the end. */
class Reader {
  isRight = true
  readonly #body: Buffer
  #at = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  bytes(size: number): Buffer {
    const bytes = this.#body.subarray(this.#at, this.#at + size)
    this.#at += size
    if (bytes.length === size) return bytes
    this.isRight = false
    return Buffer.alloc(size)
  }

  u32(): number {
    return this.bytes(4).readUInt32BE()
  }

  upTo(most: number): number {
    const value = this.bytes(1)[0] as number
    if (value > most) this.isRight = false
    return value
  }

  flag(): boolean {
    return this.upTo(1) === 1
  }

  epoch(): string {
    const text = this.bytes(EPOCH_SIZE).toString('latin1')
    if (!isEpoch(text)) this.isRight = false
    return text
  }

  rest(): Buffer {
    return this.bytes(Math.max(this.#body.length - this.#at, 0))
  }

  /** Anything but what nodes pass on would end the socket that it is given to. */
  frame(): Buffer {
    const frame = this.rest()
    if (!isPassedOn(frame)) this.isRight = false
    return frame
  }

  end<N extends Note>(note: N): N {
    if (this.#at !== this.#body.length) this.isRight = false
    return note
  }
}

const PASSED: ReadonlySet<Kind | 'unknown'> = new Set([
  ...(['offer', 'answer', 'refusal', 'remoteConnect', 'cancel', 'signal', 'message'] as const),
  ...(['error', 'moderate'] as const)
])

function isPassedOn(frame: Buffer): boolean {
  try {
    return PASSED.has(decodeFrame(frame).kind)
  } catch {
    return false
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}
