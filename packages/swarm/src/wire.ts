import { SignalError, toKey } from 'socket-signal'
import { concat, fromKey } from 'socket-signal/wire'
import { MAX } from './bounds.ts'
import type { Beat } from './mesh-host.ts'

/** What neighbours say over the reserved channel. Topics and ids are keys of Maps. */
export type Word =
  | ({ kind: 'beat'; topic: string } & Beat)
  | { kind: 'ping' | 'pong' }
  /** Of a later version, perhaps. */
  | { kind: 'unknown' }
  /** Both are in a topic: the connection is of it as well, if the other side has a place. */
  | { kind: 'add'; topic: string; needy: boolean }
  | { kind: 'drop'; topic: string }
  /** `hops`: steps that it has made. `frame`: a signed message, with its sender's id as its address. */
  | { kind: 'broadcast'; hops: number; frame: Uint8Array }
  /** `began`: of a later start of who is told this than the one that its broadcasts name. Unit: ms. */
  | { kind: 'late'; began: number }
  /** `path`: from its sender to its receiver; `at`: where in it this is said to. `frame`: a signed signal. */
  | { kind: 'carry'; at: number; path: string[]; frame: Uint8Array }

/** What this version says. */
export type Said = Exclude<Word, { kind: 'unknown' }>

const KINDS = ['beat', 'ping', 'pong', 'add', 'drop', 'broadcast', 'carry', 'late'] as const
const ID = 32
/** What stands before the body of a signed frame is less. Unit: bytes. */
const HEAD = 256

export function encodeWord(word: Said): Uint8Array {
  const kind = KINDS.indexOf(word.kind)
  switch (word.kind) {
    case 'beat': {
      const { topic, degree, root, near } = word
      const head = [kind, ...u32(degree), near.length]
      return concat(
        Uint8Array.from(head),
        ...[topic, root.id].map(fromKey),
        Uint8Array.from(u32(root.beat)),
        ...near.map(fromKey)
      )
    }
    case 'ping':
    case 'pong':
      return Uint8Array.of(kind)
    case 'add':
      return concat(Uint8Array.of(kind, Number(word.needy)), fromKey(word.topic))
    case 'drop':
      return concat(Uint8Array.of(kind), fromKey(word.topic))
    case 'broadcast':
      return concat(Uint8Array.of(kind, word.hops), word.frame)
    case 'carry':
      return concat(Uint8Array.of(kind, word.at, word.path.length), ...word.path.map(fromKey), word.frame)
    case 'late':
      return Uint8Array.from([kind, ...u32(word.began / 2 ** 32), ...u32(word.began)])
  }
}

/** Throws BAD_FRAME, and nothing else. What a later version may say is left alone. */
export function decodeWord(bytes: Uint8Array): Word {
  const reader = new Reader(bytes)
  const kind = KINDS[reader.u8()]
  switch (kind) {
    case 'beat': {
      const degree = reader.u32()
      const count = reader.u8(MAX.near)
      const [topic, id] = [reader.id(), reader.id()]
      const root = { id, beat: reader.u32() }
      const near = Array.from({ length: count }, () => reader.id())
      reader.end()
      return { kind, topic, degree, root, near }
    }
    case 'ping':
    case 'pong':
      reader.end()
      return { kind }
    case 'add': {
      const needy = reader.u8(1) === 1
      const topic = reader.id()
      reader.end()
      return { kind, topic, needy }
    }
    case 'drop': {
      const topic = reader.id()
      reader.end()
      return { kind, topic }
    }
    case 'broadcast':
      return { kind, hops: reader.u8(), frame: reader.rest(MAX.broadcast + HEAD) }
    case 'carry': {
      const at = reader.u8(MAX.path - 1)
      const count = reader.u8(MAX.path)
      const path = Array.from({ length: count }, () => reader.id())
      if (at === 0 || at >= count || new Set(path).size !== count) throw bad('a path that is none')
      return { kind, at, path, frame: reader.rest() }
    }
    case 'late': {
      const began = reader.u32() * 2 ** 32 + reader.u32()
      reader.end()
      return { kind, began }
    }
    default:
      return { kind: 'unknown' }
  }
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  u8(most = 255): number {
    const [byte] = this.#take(1) as unknown as [number]
    if (byte > most) throw bad('a number is too large')
    return byte
  }

  u32(): number {
    let value = 0
    for (const byte of this.#take(4)) value = value * 256 + byte
    return value
  }

  id(): string {
    return toKey(this.#take(ID))
  }

  rest(most: number = MAX.message): Uint8Array {
    const size = this.#bytes.length - this.#at
    if (size > most) throw bad('it is too long')
    return this.#take(size)
  }

  end(): void {
    if (this.#at < this.#bytes.length) throw bad('bytes are left over')
  }

  #take(size: number): Uint8Array {
    if (this.#at + size > this.#bytes.length) throw bad('it ends too early')
    this.#at += size
    return this.#bytes.subarray(this.#at - size, this.#at)
  }
}

function u32(value: number): number[] {
  return [24, 16, 8, 0].map(shift => (value >>> shift) & 255)
}

function bad(message: string): SignalError {
  return new SignalError('BAD_FRAME', message)
}
