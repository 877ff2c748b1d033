import { type Socket, SocketSignalClient, type SocketSignalClientOptions } from 'socket-signal'
import type { Loading } from './loading.ts'

export interface Dialer {
  loading: Loading
  dial(signal: AbortSignal): Promise<Socket>
}

/** What needs a part of the library that is loaded when the client opens, or at the first of these. */
const LOADING = ['join', 'leave', 'lookup', 'watch', 'unwatch'] as const

/** A client whose sockets, time and randomness are the simulation's. */
export class SimulatedClient extends SocketSignalClient {
  readonly #dialer: Dialer
  readonly #load: Load

  constructor(dialer: Dialer, options: SocketSignalClientOptions) {
    const load = new Load()
    const { token } = options
    // Asked before a socket is dialed, and it may take its time, which must be virtual.
    const asked: SocketSignalClientOptions['token'] =
      typeof token === 'function'
        ? request => {
            load.end()
            return token(request)
          }
        : token
    super(null, { ...options, ...(asked !== undefined && { token: asked }) })
    this.#dialer = dialer
    this.#load = load
    for (const name of LOADING) {
      const call: (...args: never[]) => Promise<unknown> = this[name].bind(this)
      const value = async (...args: never[]) => {
        // In its turn, as all that loads: else what comes first would be up to the machine.
        if (!load.ended) await Promise.race([load.promise, this.open().catch(() => {})])
        return call(...args)
      }
      Object.defineProperty(this, name, { value })
    }
  }

  protected override async _open(): Promise<void> {
    this.#load.leave = await this.#dialer.loading.enter()
    try {
      await super._open()
    } finally {
      this.#load.end()
    }
  }

  protected override _connect({ signal }: { signal: AbortSignal }): Promise<Socket> {
    this.#load.end()
    return this.#dialer.dial(signal)
  }
}

/** The loading of one client. */
class Load {
  ended = false
  /** Gives its turn to the next one. */
  leave = () => {}
  readonly promise: Promise<void>
  #resolve = () => {}

  constructor() {
    this.promise = new Promise(resolve => {
      this.#resolve = resolve
    })
  }

  end(): void {
    this.ended = true
    this.leave()
    this.#resolve()
  }
}
