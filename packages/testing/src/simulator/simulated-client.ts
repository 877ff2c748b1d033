import { type Socket, SocketSignalClient, type SocketSignalClientOptions } from 'socket-signal'
import type { Loading } from './loading.ts'

export interface Dialer {
  loading: Loading
  dial(signal: AbortSignal): Promise<Socket>
}

/** A client whose sockets, time and randomness are the simulation's. */
export class SimulatedClient extends SocketSignalClient {
  readonly #dialer: Dialer
  readonly #loaded: { tell: () => void }

  constructor(dialer: Dialer, options: SocketSignalClientOptions) {
    const loaded = { tell: () => {} }
    const { token } = options
    // Asked before a socket is dialed, and it may take its time, which must be virtual.
    const asked: SocketSignalClientOptions['token'] =
      typeof token === 'function'
        ? request => {
            loaded.tell()
            return token(request)
          }
        : token
    super(null, { ...options, ...(asked !== undefined && { token: asked }) })
    this.#dialer = dialer
    this.#loaded = loaded
  }

  protected override async _open(): Promise<void> {
    this.#loaded.tell = await this.#dialer.loading.enter()
    try {
      await super._open()
    } finally {
      this.#loaded.tell()
    }
  }

  protected override _connect({ signal }: { signal: AbortSignal }): Promise<Socket> {
    this.#loaded.tell()
    return this.#dialer.dial(signal)
  }
}
