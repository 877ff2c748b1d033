import { copy } from './bytes.ts'
import type { Clock } from './clock.ts'
import type { Socket } from './socket.ts'

export interface InboxOwner {
  readonly clock: Clock
  /** Bytes that may wait, and from which on the sender is made to, where the socket can. */
  readonly room: { limit: number; soft: number }
  /** Called with each message in its turn. The next one waits for its promise. */
  onturn(message: Uint8Array): void | Promise<void>
  /** Called when more than the limit waits. */
  onoverflow(): void
  /** Called when nothing waits any more, for nothing: the socket's messages need no inbox. */
  onidle(): void
}

/**
 * What a message that waits takes beside its own bytes, or a part of it: what a client of ours may send before it is welcomed,
 * 32 KiB in the smallest requests there are, must have room. Unit: bytes.
 */
const OVERHEAD = 32

/**
 * Keeps a socket's messages in order while one of them is being handled, or reading is paused. A server makes one
 * when the first has to wait; a client has nothing to hold up.
 */
export class Inbox {
  readonly #socket: Socket
  readonly #owner: InboxOwner
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #busy = false
  #pause: unknown

  constructor(socket: Socket, owner: InboxOwner) {
    this.#socket = socket
    this.#owner = owner
  }

  /** Takes a message whose turn has yet to come. */
  push(message: Uint8Array): void {
    // Copied: messages that were read together share one slab, and a kept view would hold all of it.
    this.#waiting.push(copy(message))
    this.#waitingBytes += message.length + OVERHEAD
    const { limit, soft } = this.#owner.room
    if (this.#waitingBytes > soft) this.#socket.pause?.()
    if (this.#waitingBytes > limit) this.#owner.onoverflow()
  }

  /** The next one waits until this is settled. */
  waitFor(busy: Promise<void>): void {
    this.#busy = true
    const done = () => {
      this.#busy = false
      this.#drain()
    }
    busy.then(done, done)
  }

  /** Stops reading for a while, so that the sender feels it. Unit: ms. */
  pauseFor(ms: number): void {
    if (this.#pause !== undefined) return
    this.#socket.pause?.()
    this.#pause = this.#owner.clock.setTimeout(() => {
      this.#pause = undefined
      this.#drain()
    }, ms)
  }

  /** Forgets what waits: the socket has ended. */
  end(): void {
    this.#owner.clock.clearTimeout(this.#pause)
    this.#waiting = []
  }

  #drain(): void {
    while (!this.#busy && this.#pause === undefined) {
      const next = this.#waiting.shift()
      if (!next) {
        this.#socket.resume?.()
        return this.#owner.onidle()
      }
      this.#waitingBytes -= next.length + OVERHEAD
      const busy = this.#owner.onturn(next)
      if (busy) this.waitFor(busy)
    }
  }
}
