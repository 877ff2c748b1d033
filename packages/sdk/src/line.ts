import { Emitter, SignalError, type SocketSignalClient, type Unsubscribe } from 'socket-signal'
import type { CredentialProvider } from 'socket-signal-token/credentials'
import { Access, type AccessOptions } from './access.ts'
import { Call, type CallOptions } from './call.ts'
import { RoomSession } from './room-session.ts'

/** As those of namespaces; tokens come from the provider. */
export type SocketSignalOptions = Omit<AccessOptions, 'token' | 'credentials'>

/** How the connection stands. */
export interface SocketSignalEvents {
  /** The server has taken it: at first, and each time it is back. */
  connected: []
  /** The socket has ended and is being opened again; calls go on. */
  reconnecting: [event: { error: SignalError }]
  /** For good: by `disconnect()`, or with what the server or the provider said. */
  disconnected: [event: { error?: unknown }]
}

/** The connection that calls share. */
export class Line extends Emitter<SocketSignalEvents> {
  readonly #access: Access
  readonly #options: SocketSignalOptions
  readonly #client: SocketSignalClient
  readonly #opening: Promise<void>
  readonly #calls = new Set<Call>()
  readonly #stops: Unsubscribe[] = []
  #ended = false

  /** Throws a `TypeError` for what is no provider. */
  constructor(credentials: CredentialProvider, options: SocketSignalOptions = {}) {
    super()
    this.#options = options
    this.#access = new Access({ ...options, credentials }, ['subscriber', 'video'], 'SocketSignal')
    this.#client = this.#access.client(this.#access.token)
    this.#opening = this.#open()
    this.#opening.catch(error => this.#end(error)) // Told by `ready()`, `disconnected` and each call.
  }

  /** Waits until the server has taken it. Rejects with TOKEN_UNAVAILABLE when there was no token, or what the server says. */
  async ready(): Promise<void> {
    await this.#opening
  }

  /** Calls whoever is in a room, or comes. Gives the call at once; wait for `call.ready()`, or for `call.state`. */
  dial(options: CallOptions): Call {
    const { destination, ringTimeout: _, ...media } = options
    const { name } = this.#options
    // For what the token says: nothing of it is renewed there.
    const authenticate = async () => ({ token: await this.#token(), expiry_at: Number.POSITIVE_INFINITY })
    const access = { client: this.#client, credentials: { authenticate, refresh: authenticate } }
    const session = new RoomSession({ ...media, ...access, name, room: destination })
    const call = new Call(session, options)
    this.#calls.add(call)
    call.on('call.state', ({ state }) => state === 'ended' && this.#calls.delete(call))
    return call
  }

  /** Hangs up and ends the connection, for good. May be called twice, and at any time. */
  async disconnect(): Promise<void> {
    await this.#end()
  }

  async #open(): Promise<void> {
    // First, so that what a provider fails with is not tried again for ever.
    await this.#access.claims()
    this.#assertStands()
    this.#stops.push(
      this.#client.on('disconnected', (willReconnect, { error }) => {
        if (willReconnect) this.emit('reconnecting', { error })
        else void this.#end(error)
      }),
      this.#client.on('connected', () => this.emit('connected'))
    )
    await this.#client.open()
    this.#assertStands()
    // It was on its way back, and is refused.
    const refused = (error: SignalError, willReconnect: boolean) => willReconnect || void this.#end(error)
    this.#stops.push(this.#client.on('connect-error', refused))
  }

  async #token(): Promise<string> {
    await this.#opening
    this.#assertStands()
    const { token = '' } = this.#access
    return typeof token === 'string' ? token : token({ expiring: false })
  }

  async #end(error?: unknown): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    const failed = error !== undefined
    await Promise.all([...this.#calls].map(call => (failed ? call._fail(error) : call.hangup())))
    for (const stop of this.#stops) stop()
    if (this.#access.owns) await this.#client.close()
    this.emit('disconnected', error === undefined ? {} : { error })
  }

  #assertStands(): void {
    if (this.#ended) throw new SignalError('CLOSED', 'it was disconnected', { retryable: false })
  }
}
