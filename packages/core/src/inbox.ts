import { copy } from './bytes.ts'
import type { Clock } from './clock.ts'
import type { Socket } from './socket.ts'

export interface InboxOptions {
  clock: Clock
  /** Bytes of messages that may wait. */
  limit: number
  /** Bytes from which on the sender is made to wait, where the socket can. Default: never. */
  soft?: number
  /** Called when more than `limit` waits. */
  onoverflow(): void
}

type Handler = (message: Uint8Array) => void | Promise<void>

/**
 * A socket's messages one after the other: the next waits while the promise of the one before is pending, or reading is
 * paused. A server puts it between each socket and its Rpc; a client has nothing to hold up.
 */
export class Inbox {
  limit: number
  soft: number
  /** Whether something has arrived since who keeps watch set this to false. */
  heard = false
  readonly #socket: Socket
  readonly #options: InboxOptions
  #handler: Handler | undefined
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #busy = false
  #pause: unknown

  constructor(socket: Socket, options: InboxOptions) {
    this.#socket = socket
    this.#options = options
    this.limit = options.limit
    this.soft = options.soft ?? Number.POSITIVE_INFINITY
  }

  /** Takes the place of who listens to the socket now, and hands on to it. */
  start(): void {
    this.#handler = this.#socket.onmessage as Handler
    this.#socket.onmessage = message => this.#receive(message)
  }

  /** Forgets what waits: the socket has ended. */
  end(): void {
    this.#options.clock.clearTimeout(this.#pause)
    this.#waiting = []
    this.#waitingBytes = 0
    this.#handler = undefined
  }

  /** Stops reading for a while, so that the sender feels it. Unit: ms. */
  pauseFor(ms: number): void {
    if (this.#pause !== undefined) return
    this.#socket.pause?.()
    this.#pause = this.#options.clock.setTimeout(() => {
      this.#pause = undefined
      this.#drain()
    }, ms)
  }

  #receive(message: Uint8Array): void {
    if (!this.#handler) return
    this.heard = true
    if (!this.held && this.#waiting.length === 0) return this.#handle(message)
    // Copied: messages that were read together share one slab, and a kept view would hold all of it.
    this.#waiting.push(copy(message))
    this.#waitingBytes += message.length
    if (this.#waitingBytes > this.soft) this.#socket.pause?.()
    if (this.#waitingBytes > this.limit) this.#options.onoverflow()
  }

  /** Whether messages wait for a handler, or for the end of a pause: then silence is not the sender's. */
  get held(): boolean {
    return this.#busy || this.#pause !== undefined
  }

  #drain(): void {
    while (!this.held) {
      const next = this.#waiting.shift()
      if (!next) return this.#goOn()
      this.#waitingBytes -= next.length
      this.#handle(next)
    }
  }

  #goOn(): void {
    if (!this.#handler) return
    this.heard = true
    this.#socket.resume?.()
  }

  #handle(message: Uint8Array): void {
    const busy = this.#handler?.(message)
    if (!busy) return
    this.#busy = true
    const done = () => {
      this.#busy = false
      this.#drain()
    }
    busy.then(done, done)
  }
}
