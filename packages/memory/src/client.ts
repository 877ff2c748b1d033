import { type Socket, SocketSignalClient, type SocketSignalClientOptions } from 'socket-signal'

/** Whatever gives a socket to a server: a `SocketSignalMemoryServer`, or three lines of your own. */
export interface Dialable {
  /** The client's end of a new pipe, at once. A throw fails this try, and the client makes another. */
  dial(): Socket
}

/** A client of a server in the same process. */
export class SocketSignalMemoryClient extends SocketSignalClient {
  readonly #server: Dialable

  constructor(server: Dialable, options: SocketSignalClientOptions = {}) {
    super(null, options)
    this.#server = server
  }

  protected override async _connect(): Promise<Socket> {
    return this.#server.dial()
  }
}
