import { SignalError } from 'socket-signal'
import { decodeBody, encodeBody, FLAG } from 'socket-signal/wire'

// What published socket-signal speaks: nanomessage, which numbers requests and answers, with the calls of
// nanomessage-rpc in it. Both generations write the same bytes:
//
//     message := head varint • length varint • rpc        head: the number of the request, above bit 0: an answer
//     rpc     := 0 or 2 • len name • len json             a call; 2: an event
//              | 1 or 5 • len json                        an answer; 5: an error
//     json    := {"data": any}                            bytes in it are text, "base64:…"

/** A request, which the other side answers under its number; 0 wants no answer. */
export interface Call {
  readonly kind: 'call'
  readonly number: number
  readonly name: string
  readonly event: boolean
  readonly data: unknown
}

export interface Answer {
  readonly kind: 'answer'
  readonly number: number
  readonly failed: boolean
  readonly data: unknown
}

/** What an error is on the wire: words with places for the `args`. */
export interface Failure {
  readonly code: string
  readonly unformatMessage: string
  readonly args: readonly unknown[]
}

enum BIT {
  answer = 1,
  event = 2,
  error = 4
}

/** Numbers are shifted by one within 32 bits with a sign. */
export const LAST_NUMBER: number = 2 ** 30 - 1
/** A longer name is not one of ours, and would be said back. Unit: bytes. */
const MAX_NAME = 64
const BYTES = 'base64:'

/** Reads one message. Throws a SignalError with code BAD_FRAME for anything that a published client does not send. */
export function decodeMessage(bytes: Uint8Array): Call | Answer {
  const reader = new Reader(bytes)
  const head = reader.number()
  const number = Math.floor(head / 2)
  reader.expect(reader.number())
  const kind = reader.number()
  const name = kind & BIT.answer ? '' : String(Buffer.from(reader.field(MAX_NAME)))
  const data = toData(reader.field())
  reader.expect(0)
  if (Boolean(head & BIT.answer) !== Boolean(kind & BIT.answer)) throw broken('half an answer')
  if (head & BIT.answer) return { kind: 'answer', number, failed: (kind & BIT.error) !== 0, data }
  return { kind: 'call', number, name, event: (kind & BIT.event) !== 0, data }
}

export function encodeCall(number: number, name: string, data: unknown, event = false): Uint8Array {
  return message(number * 2, varint(event ? BIT.event : 0), field(Buffer.from(name)), field(json(data)))
}

export function encodeAnswer(number: number, data: unknown): Uint8Array {
  return message(number * 2 + 1, varint(BIT.answer), field(json(data)))
}

export function encodeFailure(number: number, failure: Failure): Uint8Array {
  return message(number * 2 + 1, varint(BIT.answer | BIT.error), field(json(failure)))
}

/** Bytes as they stand in the JSON of both generations. */
export function toText(bytes: Uint8Array): string {
  return BYTES + Buffer.from(bytes).toString('base64')
}

/** What `toText` wrote, if it is that, of 32 bytes: an id, a topic or a session. */
export function toId(text: unknown): Uint8Array | undefined {
  if (typeof text !== 'string' || !text.startsWith(BYTES)) return undefined
  const bytes = Buffer.from(text.slice(BYTES.length), 'base64')
  return bytes.length === 32 && toText(bytes) === text ? new Uint8Array(bytes) : undefined
}

function toData(bytes: Uint8Array): unknown {
  try {
    const value = decodeBody({ flags: FLAG.json, body: bytes })
    return (value as { data?: unknown } | null)?.data
  } catch (cause) {
    throw new SignalError('BAD_FRAME', (cause as Error).message, { cause })
  }
}

function json(data: unknown): Uint8Array {
  return encodeBody({ data }).body
}

function field(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint(bytes.length), bytes])
}

function message(head: number, ...parts: Uint8Array[]): Uint8Array {
  return Buffer.concat([varint(head), field(Buffer.concat(parts))])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return Uint8Array.from([...bytes, value])
}

function broken(words: string): SignalError {
  return new SignalError('BAD_FRAME', words)
}

/** Never reads past the end: throws BAD_FRAME instead. */
class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Seven bits a byte, the lowest first; at most five of them. */
  number(): number {
    let value = 0
    for (let power = 1; power < 2 ** 35; power *= 128) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw broken('a message ends too early')
      value += (byte & 127) * power
      if (byte < 128) return value
    }
    throw broken('a number is too long')
  }

  field(max = Number.POSITIVE_INFINITY): Uint8Array {
    const size = this.number()
    const bytes = this.#bytes.subarray(this.#at, this.#at + size)
    if (bytes.length < size || size > max) throw broken('a length is wrong')
    this.#at += size
    return bytes
  }

  /** Says that so many bytes are left. */
  expect(size: number): void {
    if (this.#bytes.length - this.#at !== size) throw broken('a length is wrong')
  }
}
