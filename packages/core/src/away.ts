import { sha256 } from '@noble/hashes/sha2.js'
import { copy } from './bytes.ts'
import type { Limits } from './limits.ts'

/** What a session takes along from one socket to the next, perhaps on another node. Plain data. */
export interface Kept {
  /** What it has joined, and whether it watches. */
  topics: { topic: Uint8Array; watch: boolean }[]
  /** Single peers that it watches. */
  watches: { topic: Uint8Array; id: Uint8Array }[]
  /** Frames that were sent to it meanwhile, in order. */
  frames: Uint8Array[]
  /** Topics of which presence was left out. */
  missed: Uint8Array[]
  /** Frames that found no room. */
  lost: number
  /** Frames that went out on its last socket. */
  sent: number
  /** Frames that came in on its last socket. */
  received: number
}

/** What a kept frame takes beside its own bytes, about. */
const OVERHEAD = 128
/** What a topic takes whose member is away, about. */
const TOPIC = 512

/** What is kept of all who are away, at one server. Unit: bytes. */
export interface Room {
  taken: number
}

/** Frames for a client without a socket: as many as there is room for, in order. */
export class Away {
  readonly frames: Uint8Array[] = []
  /** Frames that found no room. */
  lost = 0
  readonly #limits: Limits
  readonly #room: Room
  #bytes = 0
  #topics = 0

  constructor(limits: Limits, room: Room) {
    this.#limits = limits
    this.#room = room
  }

  /** Whether what may be left out should be. */
  get slow(): boolean {
    return this.#bytes > this.#limits.awayQueue / 2
  }

  /** Gives false where there is no room for so many topics: who has joined very many is not kept for nothing. */
  hold(topics: number): boolean {
    const size = topics * TOPIC
    if (this.#room.taken + size > this.#limits.maxAwayBytes) return false
    this.#topics += size
    this.#room.taken += size
    return true
  }

  push(frame: Uint8Array): void {
    const size = frame.length + OVERHEAD
    const { awayQueue, maxAwayBytes } = this.#limits
    // Once one was left out, so is what follows: what is delivered has no gap.
    if (this.lost > 0 || this.#bytes + size > awayQueue || this.#room.taken + size > maxAwayBytes) this.lost++
    else {
      this.frames.push(copy(frame))
      this.#bytes += size
      this.#room.taken += size
    }
  }

  /** Gives its room back. */
  end(): Uint8Array[] {
    this.#room.taken -= this.#bytes + this.#topics
    this.#bytes = this.#topics = 0
    return this.frames.splice(0)
  }
}

/** What is kept of a resume key: who reads a server's memory, or a store that nodes share, can't resume with it. */
export function hashKey(key: Uint8Array): Uint8Array {
  return sha256(key)
}
