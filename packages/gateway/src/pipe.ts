import type { Clock, CloseEvent, Socket } from 'socket-signal'
import { CEILING, type Frame, Rpc, systemClock } from 'socket-signal/wire'
import type { ForeignSocket } from './door.ts'
import type { GuestHandler } from './guest.ts'

/**
 * Between a guest and its server: `far` is the server's end, `rpc` sits at the other. What the foreign socket feels the
 * server feels, and the other way round: how much it holds, whether it is read, whether it is alive, its end.
 */
export class Pipe {
  readonly far: Socket
  readonly rpc: Rpc
  onend: (() => void) | undefined
  #foreign: ForeignSocket | undefined
  #handler: GuestHandler | undefined
  #ended: CloseEvent | undefined
  /** What came before there was a foreign socket. */
  #early: Frame[] = []
  #earlyBytes = 0
  /** While it is, no sign of life is read either. */
  #paused = false
  /** Whoever waits for a sign of life. */
  #asking: Promise<boolean> | undefined
  #onsign = () => {}

  constructor() {
    const near = new End(() => 0)
    const far = new End(() => this.#foreign?.bufferedAmount ?? this.#earlyBytes)
    far.pause = () => this.#read(false)
    far.resume = () => this.#read(true)
    near.other = far
    far.other = near
    this.far = far
    this.rpc = new NearRpc(near, this)
    this.rpc.start()
  }

  attach(foreign: ForeignSocket, handler: GuestHandler): void {
    this.#foreign = foreign
    this.#handler = handler
    foreign.onmessage = message => handler.onmessage(message)
    foreign.onpong = () => {
      this.#onsign()
      this.beat()
    }
    foreign.onclose = () => this.rpc.close(LEFT)
    for (const frame of this.#early) handler.onframe(frame)
    this.#early = []
    if (this.#ended) this.#tell(this.#ended)
  }

  onframe(frame: Frame): void {
    switch (frame.kind) {
      case 'ping':
        // The sign of life is the client's own, once there is a socket to ask.
        return this.#foreign ? this.#foreign.ping() : this.beat()
      case 'challenge':
      case 'goodbye':
        return
      default:
        if (this.#handler) return this.#handler.onframe(frame)
        this.#early.push(frame)
        this.#earlyBytes += 64 + ('bytes' in frame ? frame.bytes.length : 0)
    }
  }

  onclose(event: CloseEvent): void {
    this.#ended = event
    this.#tell(event)
  }

  /** A sign of life. */
  beat(): void {
    this.rpc.send({ kind: 'pong', received: this.rpc.received })
  }

  /** Asks the foreign socket for a sign of life. Gives whether it came within so many ms. */
  answers(timeout: number): Promise<boolean> {
    const foreign = this.#foreign
    if (!foreign || this.#paused) return Promise.resolve(true)
    this.#asking ??= new Promise<boolean>(resolve => {
      const late = setTimeout(resolve, timeout, false)
      this.#onsign = () => {
        clearTimeout(late)
        resolve(true)
      }
      foreign.ping()
    }).finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  #read(goes: boolean): void {
    this.#paused = !goes
    if (goes) this.#foreign?.resume()
    else this.#foreign?.pause()
  }

  #tell(event: CloseEvent): void {
    this.#early = []
    this.#onsign() // Nobody need wait for one who has gone.
    this.onend?.()
    this.#foreign?.close(event.code, event.reason)
    this.#handler?.onclose(event)
  }
}

/** A foreign client has no session to come back to. */
const LEFT = 1000

class NearRpc extends Rpc {
  readonly clock: Clock = systemClock
  readonly maxPayload: number = CEILING.payload
  readonly #pipe: Pipe

  constructor(near: Socket, pipe: Pipe) {
    super(near, CEILING.payload)
    this.#pipe = pipe
  }

  protected override onframe(frame: Frame): void {
    this.#pipe.onframe(frame)
  }

  protected override onend(event: CloseEvent): void {
    this.#pipe.onclose(event)
  }
}

/** One end. What is sent arrives at once: whoever waits for something waits on the foreign socket. */
class End implements Socket {
  onmessage: Socket['onmessage'] = null
  onclose: Socket['onclose'] = null
  other: End | undefined
  pause?: () => void
  resume?: () => void
  readonly #buffered: () => number
  #closed = false

  constructor(buffered: () => number) {
    this.#buffered = buffered
  }

  get bufferedAmount(): number {
    return this.#buffered()
  }

  send(message: Uint8Array): void {
    if (!this.#closed) this.other?.onmessage?.(message)
  }

  close(code = LEFT, reason = ''): void {
    if (this.#closed) return
    this.#closed = true
    const { other } = this
    if (!other || other.#closed) return
    other.#closed = true
    queueMicrotask(() => other.onclose?.({ code, reason }))
  }
}
