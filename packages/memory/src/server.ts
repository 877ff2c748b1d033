import {
  SignalError,
  type Socket,
  SocketSignalServerMap,
  type SocketSignalServerMapOptions
} from 'socket-signal'
import { type PairOptions, type SocketPair, socketPair } from './pair.ts'

/** A server's options, and what the pipes to it are like. */
export interface SocketSignalMemoryServerOptions extends SocketSignalServerMapOptions {
  /** Of every pipe to this server. */
  network?: PairOptions
}

/** The reference server, reached from within the process. */
export class SocketSignalMemoryServer extends SocketSignalServerMap {
  /** The pipes that were made, in order, for tests that cut them. */
  readonly pairs: SocketPair[] = []
  readonly #network: PairOptions

  constructor({ network = {}, ...options }: SocketSignalMemoryServerOptions = {}) {
    super(options)
    this.#network = { ...(options.clock && { clock: options.clock }), ...network }
  }

  /** The client's end of a new pipe. Throws CONNECT_FAILED when the server is closed. */
  dial(): Socket {
    if (this.status === 'closing' || this.status === 'closed') {
      throw new SignalError('CONNECT_FAILED', 'the server is closed')
    }
    const pair = socketPair({ ...this.#network, seed: (this.#network.seed ?? 1) + this.pairs.length })
    this.pairs.push(pair)
    this.addSocket(pair.right).catch(() => pair.right.close(1011, 'the server is closed'))
    return pair.left
  }
}
