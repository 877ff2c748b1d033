import type { Clock } from './clock.ts'
import { deferred } from './deferred.ts'
import { toSignalError } from './errors.ts'
import type { Frame } from './frame.ts'
import { CEILING, USUAL } from './protocol.ts'
import { Rpc } from './rpc.ts'
import type { CloseEvent, Socket } from './socket.ts'

/** One socket of a client, from when it is there to its end. */
export class Live extends Rpc {
  readonly clock: Clock
  readonly maxPayload: number = CEILING.payload
  readonly audience: string
  challenged = false
  /** Whether hello has gone. */
  greeted = false
  welcomed = false
  /** Whether its hello asks to go on where the last socket broke. */
  resuming = false
  retryAfterMs = 0
  readonly #receive: (live: Live, frame: Frame) => void | Promise<void>
  readonly #life = new AbortController()
  readonly #ended = deferred<CloseEvent>()

  constructor(
    { socket, audience }: { socket: Socket; audience: string },
    clock: Clock,
    receive: (live: Live, frame: Frame) => void | Promise<void>
  ) {
    super(socket, USUAL.payload) // Until welcome says what it takes.
    this.audience = audience
    this.clock = clock
    this.#receive = receive
  }

  /** Aborts when the socket ends. */
  get signal(): AbortSignal {
    return this.#life.signal
  }

  get ended(): Promise<CloseEvent> {
    return this.#ended.promise
  }

  override onframe(frame: Frame): void | Promise<void> {
    try {
      return this.#receive(this, frame)
    } catch (error) {
      // What can't be read must end its socket; thrown from here it would end the process.
      this.close('BAD_FRAME', toSignalError(error).message)
    }
  }

  override onend(event: CloseEvent): void {
    this.#life.abort()
    this.#ended.resolve(event)
  }
}
