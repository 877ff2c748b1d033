import { type Clock, type Peer, type Rtc, toKey } from 'socket-signal'
import { Bucket } from 'socket-signal/wire'
import { RATE } from './bounds.ts'
import type { Channel } from './channel.ts'
import { encodeWord, type Word } from './wire.ts'

/** One connected peer, however many topics are shared with it. */
export class Neighbour {
  /** A key of Maps. */
  readonly key: string
  readonly peer: Peer
  /** The topics that are shared with it, by their keys. */
  readonly shared = new Map<string, Uint8Array>()
  readonly since: number
  /** Unit: ms, by the clock. */
  heardAt: number
  /** While somebody waits for a sign of life of it. */
  probe: unknown
  readonly channel: Channel
  readonly #said: Bucket
  readonly #carried: Bucket

  constructor(peer: Peer, channel: Channel, clock: Clock) {
    this.key = toKey(peer.id)
    this.peer = peer
    this.channel = channel
    this.since = this.heardAt = clock.now()
    this.#said = new Bucket(clock, RATE.channel.rate, RATE.channel.burst)
    this.#carried = new Bucket(clock, RATE.carry.rate, RATE.carry.burst)
  }

  /** 32 bytes. */
  get id(): Uint8Array {
    return this.peer.id
  }

  get stream(): Rtc {
    return this.peer.stream
  }

  /** The topics that are shared with it: 32 bytes each. */
  get topics(): Uint8Array[] {
    return [...this.shared.values()]
  }

  /** Gives whether it goes. */
  say(word: Word): boolean {
    return this.channel.send(encodeWord(word))
  }

  /** Whether it may say one more thing. */
  maySay(): boolean {
    return this.#said.take()
  }

  /** Whether it may have one more signal carried. */
  mayCarry(): boolean {
    return this.#carried.take()
  }
}
