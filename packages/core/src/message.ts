import type { Outgoing } from './backplane.ts'
import { copy, equals, ID_SIZE } from './bytes.ts'
import { decodeBody, isObject } from './codec.ts'
import { ADDRESS_AT, type Addressed } from './frame.ts'
import { FLAG } from './protocol.ts'

/** What every hook is told: who asks, and about which topic. Both 32 bytes. */
export interface Msg {
  /** Who asks, as the server knows it. */
  readonly id: Uint8Array
  /** About which topic. */
  readonly topic: Uint8Array
}

/** What `_onJoin` is told. */
export interface JoinMsg extends Msg {
  /** Whether presence is asked for; the answer then is a complete snapshot. */
  readonly watch: boolean
  /** Members that are asked for, where not all are (`watch`). The class over maps bounds it by `maxLookup`. */
  readonly limit: number
  /** What it says of itself: JSON as UTF-8, at most 1 KiB. */
  readonly info: Uint8Array
}

/** What `_onLookup` is told. */
export interface LookupMsg extends Msg {
  /** Members that are asked for, bounded by `maxLookup`. */
  readonly limit: number
  /** Walk on behind this id, in byte order; absent: a random sample. */
  readonly after: Uint8Array | undefined
  /** Whether members are asked for with their info. */
  readonly details: boolean
}

/** What `_onWatch` is told. */
export interface WatchMsg extends Msg {
  /** Whose presence it is about: 32 bytes. */
  readonly remoteId: Uint8Array
  /** Begin, or end. */
  readonly watch: boolean
}

/** What `_onHistory` is told. */
export interface HistoryMsg extends Msg {
  /** Messages that are asked for, at most. */
  readonly limit: number
  /** Only what was kept before that; microseconds since 1970. */
  readonly before: number
}

/** What `_onModerate` is told. */
export interface ModerateMsg extends Msg {
  /** Whom it is about: 32 bytes. It need not be there. */
  readonly remoteId: Uint8Array
  /** What is wanted, as the client said it: any JSON. */
  readonly data: unknown
}

/** Takes a frame that answers a request. */
export type Reply = (frame: Uint8Array) => void

/** A hook returns this when the frame is on its way and the remote's answer settles the request. */
export const FORWARDED: unique symbol = Symbol('forwarded')

/**
 * A frame from one peer to another, as hooks see it. The body is decoded when `data` or `metadata` is first read:
 * a server that only forwards never parses it.
 */
export class AddressedMsg implements Msg, Outgoing {
  /** Who sent it, as the server knows it: no field of the frame says so. */
  readonly id: Uint8Array
  /** Under which the sender waits for an answer; 0: it does not. */
  readonly requestId: number
  /** Gives an answer, or an error in its place, back to the sender. */
  readonly reply: Reply
  readonly #frame: Addressed
  #remoteId: Uint8Array | undefined
  #body: unknown

  constructor(id: Uint8Array, frame: Addressed, reply: Reply) {
    this.id = id
    this.reply = reply
    this.requestId = frame.requestId
    this.#frame = frame
  }

  /** `offer`, `signal`, `message`, and so on: see PROTOCOL.md. */
  get kind(): Addressed['kind'] {
    return this.#frame.kind
  }

  /** Whom it is for; 32 zero bytes: everybody in the topic. As `id`, not to be changed: it may be that peer's own. */
  get remoteId(): Uint8Array {
    this.#remoteId ??= copy(this.#frame.address)
    return this.#remoteId
  }

  /** Whether it is for that one: 32 bytes, which nobody may change. */
  isFor(id: Uint8Array): boolean {
    if (this.#remoteId) return equals(this.#remoteId, id)
    if (!isAddressedTo(this.#frame.bytes, id)) return false
    this.#remoteId = id // Instead of a copy: most that are routed need none.
    return true
  }

  /** 32 bytes, a copy. */
  get topic(): Uint8Array {
    return copy(this.#frame.topic)
  }

  /** 32 bytes, a copy: the `sessionId` of the peers on both sides. */
  get sessionId(): Uint8Array {
    return copy(this.#frame.session)
  }

  /** What the sender put in: of an offer, signal or message. Throws INVALID_ARGUMENT when it is no JSON. */
  get data(): unknown {
    this.#body ??= decodeBody(this.#frame)
    return this.#body
  }

  /** What the caller says of itself in an offer; empty where it says nothing. */
  get metadata(): { [key: string]: unknown } {
    const { metadata } = isObject(this.data) ? this.data : {}
    return isObject(metadata) ? metadata : {}
  }

  /** Whether its sender wants it kept for those who come later. */
  get keep(): boolean {
    return (this.#frame.flags & FLAG.keep) !== 0
  }

  /** Size of the whole frame. Unit: bytes. */
  get size(): number {
    return this.#frame.bytes.length
  }

  /** The frame as it goes on: the very bytes that came, with the sender's id where the destination stood. */
  get frame(): Uint8Array {
    this.#remoteId ??= copy(this.#frame.address)
    this.#frame.address = this.id
    return this.#frame.bytes
  }
}

/** Without a view of the frame: it is asked for each message that is routed. */
function isAddressedTo(frame: Uint8Array, id: Uint8Array): boolean {
  for (let at = 0; at < ID_SIZE; at++) if (frame[ADDRESS_AT + at] !== id[at]) return false
  return true
}
