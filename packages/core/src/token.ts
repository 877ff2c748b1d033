import { assertToken, type TokenSource } from './client-options.ts'
import { SignalError, toSignalError } from './errors.ts'
import type { Host } from './host.ts'
import { isUnsure } from './link.ts'
import type { Waitable } from './resource.ts'
import { wait } from './wait.ts'

/** What a client shows to its server: a text, or whatever a function gives, asked anew where the server wants another one. */
export class Token {
  text = ''
  /** The latest that was not refused. */
  #kept = ''
  readonly #source: TokenSource | undefined
  readonly #host: Host
  #refreshing = false
  /** Whether the server refused it since it last took one, so that another one is asked for. */
  #refused = false

  constructor(source: string | TokenSource | undefined, host: Host) {
    this.#host = host
    if (typeof source === 'function') this.#source = source
    else this.text = this.#kept = source ?? ''
  }

  /** The server took it. */
  taken(): void {
    this.#refused = false
  }

  /** Whether to try again: perhaps the server has other keys since, so what gives tokens is asked for another one, once. */
  forgives({ code }: SignalError): boolean {
    return (this.#refused = this.#source !== undefined && !this.#refused && code === 'TOKEN_INVALID')
  }

  /** Another one from here on, and on the open socket. The server keeps the one before where it refuses this one: so do we. */
  async update(token: string, { signal }: Waitable = {}): Promise<void> {
    assertToken(token)
    this.text = token
    const { link } = this.#host
    try {
      if (link.rpc) await link.ask({ kind: 'token', token }, { signal })
      this.#kept = token
    } catch (error) {
      if (this.text === token && !isUnsure(error, signal)) this.text = this.#kept
      throw error
    }
  }

  /** The server says that it runs out: one refresh at a time, however often it says so. */
  async expiring(expiresIn: number): Promise<void> {
    const { emit } = this.#host
    emit('token-expiring', { expiresIn })
    if (this.#refreshing || !this.#source) return
    this.#refreshing = true
    try {
      await this.fetch(true)
      await this.update(this.text)
    } catch (error) {
      emit('token-error', toSignalError(error))
    }
    this.#refreshing = false
  }

  /** Asks for one, before each hello. Rejects with TOKEN_UNAVAILABLE, or the code of what was thrown. */
  async fetch(expiring = this.#refused): Promise<void> {
    if (!this.#source) return
    try {
      const asked = Promise.resolve(this.#source({ expiring }))
      const { clock, requestTimeout: timeout } = this.#host
      const fresh = await wait(asked, { clock, timeout, late: 'no token', code: 'TOKEN_UNAVAILABLE' })
      assertToken(fresh)
      this.text = fresh
    } catch (cause) {
      if (cause instanceof SignalError) throw cause
      // Whatever code it has of its own, ECONNREFUSED for instance, it may be there the next time.
      throw new SignalError('TOKEN_UNAVAILABLE', toSignalError(cause).message, { cause })
    }
  }
}
