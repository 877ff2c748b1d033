import { MS } from './bounds.ts'
import type { Clock } from './clock.ts'
import { decodeBody, toObject } from './codec.ts'
import { SignalError, toSignalError } from './errors.ts'
import { type IceServersProvider, toIceServers } from './ice.ts'
import { CEILING, FLAG } from './protocol.ts'
import { DEFAULT_ICE_SERVERS } from './rtc.ts'
import { wait } from './wait.ts'

/** What a client lends. */
export interface IceHost {
  readonly clock: Clock
  readonly requestTimeout: number
  readonly connectTimeout: number | undefined
  readonly link: { readonly welcomed: Promise<void> }
}

/** Where a client's ICE servers come from: its own option, else its signal server, else the default. */
export class IceSource {
  readonly #provider: IceServersProvider | undefined
  readonly #host: IceHost
  #own: RTCIceServer[] | undefined
  #server: RTCIceServer[] | undefined
  #expiresAt = 0
  #asking: Promise<void> | undefined

  constructor(own: RTCIceServer[] | IceServersProvider | undefined, host: IceHost) {
    this.#host = host
    if (typeof own === 'function') this.#provider = own
    else this.#own = own
  }

  get list(): RTCIceServer[] {
    return this.#own ?? this.#server ?? DEFAULT_ICE_SERVERS
  }

  /** Takes what the signal server hands out. Throws INVALID_ARGUMENT for what is no JSON. */
  take(body: Uint8Array): void {
    const { iceServers } = toObject(decodeBody({ flags: FLAG.json, body }))
    if (Array.isArray(iceServers) && body.length <= CEILING.ice) this.#server = iceServers
  }

  /**
   * Sees to it that the list is there: asks the provider, unless what it gave is good for a while, or waits for the
   * server. Throws TURN_AUTH with the provider's words.
   */
  async refresh(): Promise<void> {
    if (!this.#provider && !this.#own && !this.#server) await this.#host.link.welcomed
    return this.renew()
  }

  /** Asks the provider, unless what it gave is good for a while. Throws as `refresh`. */
  async renew(): Promise<void> {
    if (!this.#provider || Date.now() + MS.connecting < this.#expiresAt) return
    this.#asking ??= this.#ask(this.#provider)
    await this.#asking
  }

  async #ask(provider: IceServersProvider): Promise<void> {
    const { clock, requestTimeout, connectTimeout = requestTimeout } = this.#host
    const timeout = connectTimeout / 2 // The other half is for the connection.
    try {
      const given = await wait(Promise.resolve().then(provider), { clock, timeout, late: 'nothing' })
      const { iceServers, expiresAt } = toIceServers(given)
      this.#own = iceServers
      this.#expiresAt = expiresAt
    } catch (cause) {
      // Meanwhile the old ones may still be good.
      if (Date.now() >= this.#expiresAt)
        throw new SignalError('TURN_AUTH', `no iceServers: ${toSignalError(cause).message}`, { cause })
    } finally {
      this.#asking = undefined
    }
  }
}
