/**
 * Where clients get their tokens, without what mints and verifies: for pages.
 *
 * @module socket-signal-token/credentials
 */

import { SignalError } from 'socket-signal/errors'

/** A token, and when it ends: as the endpoints of `socket-signal-server` answer. */
export interface Credential {
  /** A JSON Web Token (RFC 7519), not empty. */
  token: string
  /** When it ends, in ms as `Date.now()` has them. */
  expiry_at: number
}

/** Where a client gets its tokens, for instance a route of your own server that knows its user. */
export interface CredentialProvider {
  /** The first token, and one after a `refresh` that failed. */
  authenticate(): Promise<Credential>
  /** The next one. Asked before the last one ends. */
  refresh(): Promise<Credential>
}

/** One token that is there already. Nothing refreshes it: the socket closes as TOKEN_EXPIRED when it ends. */
export class StaticCredentialProvider implements CredentialProvider {
  readonly #credential: Credential

  constructor({ token, expiry_at = Number.POSITIVE_INFINITY }: { token: string; expiry_at?: number }) {
    this.#credential = { token, expiry_at }
  }

  async authenticate(): Promise<Credential> {
    return this.#credential
  }

  async refresh(): Promise<Credential> {
    return this.#credential
  }
}

/** How a provider is asked. */
export interface CredentialsOptions {
  /** How long a provider may take. Default: 10,000. Unit: ms. */
  timeout?: number
  /** Its tokens are tickets: each connection needs another one. Default: `false`. */
  once?: boolean
  /** The time in ms, for tests. Default: `Date.now`. */
  now?: () => number
}

/** A token that ends sooner is not shown to a server any more. Unit: ms. */
const MARGIN = 1_000

/**
 * A provider as a client's `token`: asked when the client connects, and when the server says that the token runs out.
 *
 *     new SocketSignalWebsocketClient(url, { token: credentials(provider) })
 *
 * What it throws is TOKEN_UNAVAILABLE, which a client tries again.
 */
export function credentials(
  provider: CredentialProvider,
  { timeout = 10_000, once = false, now = Date.now }: CredentialsOptions = {}
): (request: { expiring: boolean }) => Promise<string> {
  let last: Credential | undefined
  const get = async (refresh: boolean) => {
    const method = refresh ? 'refresh' : 'authenticate'
    try {
      return readCredential(await within(async () => provider[method](), timeout, method))
    } catch (cause) {
      last = undefined // Perhaps what refreshes it has ended as well.
      throw cause instanceof SignalError ? cause : unavailable(`${method} failed: ${words(cause)}`, cause)
    }
  }
  return async ({ expiring }) => {
    if (!last || expiring || once || last.expiry_at - now() < MARGIN) last = await get(last !== undefined)
    return last.token
  }
}

function readCredential(value: unknown): Credential {
  const { token, expiry_at } = Object(value)
  if (typeof token === 'string' && token && typeof expiry_at === 'number') return { token, expiry_at }
  throw new TypeError('a provider gives { token, expiry_at }')
}

function within<T>(work: () => Promise<T>, timeout: number, method: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(unavailable(`${method} gave nothing within ${timeout} ms`))
    const timer = setTimeout(late, Math.min(timeout, 2 ** 31 - 1))
    work()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

function unavailable(message: string, cause?: unknown): SignalError {
  return new SignalError('TOKEN_UNAVAILABLE', message, { cause })
}

function words(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
