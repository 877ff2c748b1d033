import type { SocketSignalClient, TokenSource } from 'socket-signal'
import type { Kind } from 'socket-signal-token'
import { type CredentialProvider, credentials } from 'socket-signal-token/credentials'
import { SocketSignalWebsocketClient, type Urls } from 'socket-signal-websocket'
import { assertKind, type Claims, readClaims } from './claims.ts'

/** Who somebody is, and how the server is reached: the same for all namespaces. */
export interface AccessOptions {
  /** A token that your server had minted. Nothing refreshes it but `updateToken`. */
  token?: string | undefined
  /** Gets tokens, and new ones before they end, in place of `token`. */
  credentials?: CredentialProvider | undefined
  /** What others are to call you. Default: the name in the token. Up to 256 characters. */
  name?: string | undefined
  /** Where the signal server is. Default: the token's audience where that is a ws: or wss: URL, else the page's own origin. */
  server?: Urls | undefined
  /** Makes the client, over another transport or with options of yours; or one that is there already, which stays open. */
  client?: SocketSignalClient | ((options: { token?: string | TokenSource }) => SocketSignalClient)
}

/** Who may enter a namespace, and by which client. */
export class Access {
  readonly #options: AccessOptions
  readonly #kinds: readonly Kind[]
  readonly #where: string
  /** What a client is given: asked again for each token, each of which must be of the right kind. */
  token: string | TokenSource | undefined

  constructor(options: AccessOptions, kinds: readonly Kind[], where: string) {
    this.#options = options
    this.#kinds = kinds
    this.#where = where
    const { token, credentials: provider, client } = options
    if (
      typeof client !== 'object' &&
      typeof token !== 'string' &&
      typeof provider?.authenticate !== 'function'
    )
      throw new TypeError(`${where} needs a token, or credentials`)
    const source = provider && credentials(provider)
    this.token = source ? async request => this.check(await source(request)) : token
  }

  /** Of the token that there is now. Rejects with TOKEN_INVALID, or TOKEN_UNAVAILABLE. */
  async claims(): Promise<Claims> {
    const { token } = this
    const { name } = this.#options
    const own = name === undefined ? {} : { name }
    if (token === undefined) return { names: [], ...own }
    const said = readClaims(this.check(typeof token === 'string' ? token : await token({ expiring: false })))
    return { ...said, ...own }
  }

  /** A client that is not open yet, or the one that was given. */
  client(token: string | TokenSource | undefined): SocketSignalClient {
    const { client, server } = this.#options
    if (typeof client === 'object') return client
    const options = token === undefined ? {} : { token }
    if (client) return client(options)
    const usual = async () => defaultServer((await this.claims()).audience)
    return new SocketSignalWebsocketClient(server ?? usual, options)
  }

  /** Whether the client is ours to close. */
  get owns(): boolean {
    return typeof this.#options.client !== 'object'
  }

  /**
   * Puts another one in place of the token that was given: whoever comes back shows that one, unless the server that is told
   * of it refuses it. Rejects with TOKEN_INVALID.
   */
  async replace(token: string, tell: () => Promise<void>): Promise<void> {
    this.check(token)
    const before = this.token
    if (typeof before === 'string') this.token = token
    try {
      await tell()
    } catch (error) {
      if (this.token === token && /^(TOKEN|AUTH)_/.test(Object(error).code)) this.token = before
      throw error
    }
  }

  /** Gives the token back. Throws TOKEN_INVALID for one of another namespace. */
  check(token: string): string {
    assertKind(readClaims(token), this.#kinds, this.#where)
    return token
  }
}

function defaultServer(audience = ''): string {
  if (/^wss?:/.test(audience)) return audience
  const { location } = globalThis as { location?: Location }
  if (location?.origin.startsWith('http')) return location.origin
  throw new TypeError('where is the signal server? give the option server')
}
