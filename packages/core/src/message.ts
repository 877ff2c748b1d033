import type { Member } from './backplane.ts'
import { copy } from './bytes.ts'
import { decodeBody, isObject } from './codec.ts'
import type { Addressed } from './frame.ts'

/** What every hook is told: who asks, and about which topic. Both 32 bytes. */
export interface Msg {
  readonly id: Uint8Array
  readonly topic: Uint8Array
}

export interface JoinMsg extends Msg {
  /** Whether presence is asked for; the answer then is a complete snapshot. */
  readonly watch: boolean
  readonly limit: number
  readonly info: Uint8Array
}

export interface LookupMsg extends Msg {
  readonly limit: number
  readonly after: Uint8Array | undefined
  /** Whether members are asked for with their info. */
  readonly details: boolean
}

export interface WatchMsg extends Msg {
  readonly remoteId: Uint8Array
  readonly watch: boolean
}

export interface ModerateMsg extends Msg {
  readonly remoteId: Uint8Array
  readonly data: unknown
}

/** What `_onJoin` and `_onLookup` give back: ids, members with info, or any value that JSON holds. */
export type Members = readonly Uint8Array[] | readonly Member[]

/** Takes a frame that answers a request. */
export type Reply = (frame: Uint8Array) => void

/** A hook returns this when the frame is on its way and the remote's answer settles the request. */
export const FORWARDED: unique symbol = Symbol('forwarded')

/**
 * A frame from one peer to another, as hooks see it. The body is decoded when `data` or `metadata` is first read:
 * a server that only forwards never parses it.
 */
export class AddressedMsg implements Msg {
  /** Who sent it, as the server knows it: no field of the frame says so. */
  readonly id: Uint8Array
  /** Whom it is for; 32 zero bytes: everybody in the topic. */
  readonly remoteId: Uint8Array
  readonly requestId: number
  /** Gives an answer, or an error in its place, back to the sender. */
  readonly reply: Reply
  readonly #frame: Addressed
  #body: unknown

  constructor(id: Uint8Array, frame: Addressed, reply: Reply) {
    this.id = id
    this.reply = reply
    this.remoteId = copy(frame.address)
    this.requestId = frame.requestId
    this.#frame = frame
  }

  get kind(): Addressed['kind'] {
    return this.#frame.kind
  }

  get topic(): Uint8Array {
    return copy(this.#frame.topic)
  }

  get sessionId(): Uint8Array {
    return copy(this.#frame.session)
  }

  /** What the sender put in: of an offer, signal or message. Throws INVALID_ARGUMENT when it is no JSON. */
  get data(): unknown {
    this.#body ??= decodeBody(this.#frame)
    return this.#body
  }

  get metadata(): { [key: string]: unknown } {
    const { metadata } = isObject(this.data) ? this.data : {}
    return isObject(metadata) ? metadata : {}
  }

  /** Size of the whole frame. Unit: bytes. */
  get size(): number {
    return this.#frame.bytes.length
  }

  /** The frame as it goes on: the very bytes that came, with the sender's id where the destination stood. */
  get frame(): Uint8Array {
    this.#frame.address = this.id
    return this.#frame.bytes
  }
}
