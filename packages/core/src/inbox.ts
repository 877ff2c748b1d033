import { copy } from './bytes.ts'
import type { Clock } from './clock.ts'
import type { Socket } from './socket.ts'

export interface InboxOwner {
  readonly clock: Clock
  /** Bytes that may wait, and from which on the sender is made to, where the socket can. */
  readonly room: { limit: number; soft: number }
  /** Called when more than the limit waits. */
  onoverflow(): void
}

/** Who is given the messages. */
export interface Receiver {
  receive(message: Uint8Array): void | Promise<void>
}

/**
 * A socket's messages one after the other: the next waits while the promise of the one before is pending, or reading is
 * paused. A server puts it between each socket and its Rpc; a client has nothing to hold up.
 */
export class Inbox {
  /** Whether something has arrived since who keeps watch set this to false. */
  heard = false
  readonly #socket: Socket
  readonly #owner: InboxOwner
  #receiver: Receiver | undefined
  #waiting: Uint8Array[] | undefined
  #waitingBytes = 0
  #busy = false
  #pause: unknown

  constructor(socket: Socket, receiver: Receiver, owner: InboxOwner) {
    this.#socket = socket
    this.#receiver = receiver
    this.#owner = owner
  }

  /** Begins to read, in the place of who listened to the socket. */
  start(): void {
    this.#socket.onmessage = message => this.#receive(message)
  }

  /** Forgets what waits: the socket has ended. */
  end(): void {
    this.#owner.clock.clearTimeout(this.#pause)
    this.#waiting = undefined
    this.#waitingBytes = 0
    this.#receiver = undefined
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

  #receive(message: Uint8Array): void {
    if (!this.#receiver) return
    this.heard = true
    if (!this.held && !this.#waiting?.length) return this.#handle(message)
    // Copied: messages that were read together share one slab, and a kept view would hold all of it.
    this.#waiting ??= []
    this.#waiting.push(copy(message))
    this.#waitingBytes += message.length
    const { limit, soft } = this.#owner.room
    if (this.#waitingBytes > soft) this.#socket.pause?.()
    if (this.#waitingBytes > limit) this.#owner.onoverflow()
  }

  /** Whether messages wait for a handler, or for the end of a pause: then silence is not the sender's. */
  get held(): boolean {
    return this.#busy || this.#pause !== undefined
  }

  #drain(): void {
    while (!this.held) {
      const next = this.#waiting?.shift()
      if (!next) return this.#goOn()
      this.#waitingBytes -= next.length
      this.#handle(next)
    }
  }

  #goOn(): void {
    if (!this.#receiver) return
    this.heard = true
    this.#socket.resume?.()
  }

  #handle(message: Uint8Array): void {
    const busy = this.#receiver?.receive(message)
    if (!busy) return
    this.#busy = true
    const done = () => {
      this.#busy = false
      this.#drain()
    }
    busy.then(done, done)
  }
}
