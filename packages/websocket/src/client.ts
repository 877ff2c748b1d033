import { type Socket, SocketSignalClient, type SocketSignalClientOptions } from 'socket-signal'
import { dial } from './dial.ts'
import { parseUrl } from './url.ts'

/** One URL, several that are tried in turn, or a function that is asked before each try. */
export type Urls = string | readonly string[] | (() => string | Promise<string>)

/** A client's options, and for which server its hello is signed. */
export interface SocketSignalWebsocketClientOptions extends SocketSignalClientOptions {
  /** For which server hello is signed. Default: the origin of the URL that was dialed, for instance `wss://host:8443`. */
  audience?: string
}

/**
 * A signal client over WebSocket: the platform's in browsers, the one of `ws` in Node.
 *
 * A URL starts with ws:, wss:, http: or https:. A list is gone through in turn, one step a (re)connect. A wrong URL
 * is a `TypeError` at once; one that a function gives fails that try, with the event `connect-error`.
 *
 *     const client = new SocketSignalWebsocketClient('wss://signal.example.org')
 *     const peers = await client.join(topic)
 */
export class SocketSignalWebsocketClient extends SocketSignalClient {
  readonly #next: () => URL | Promise<URL>
  #origin = ''

  constructor(urls: Urls, options: SocketSignalWebsocketClientOptions = {}) {
    super(null, options)
    this.#next = typeof urls === 'function' ? async () => parseUrl(await urls()) : roundRobin(urls)
  }

  protected override async _connect({ signal }: { signal: AbortSignal }): Promise<Socket> {
    const url = await this.#next()
    this.#origin = url.origin
    return dial(url, signal)
  }

  protected override _audience(): string {
    return this.#origin
  }
}

function roundRobin(urls: string | readonly string[]): () => URL {
  const list = (Array.isArray(urls) ? urls : [urls]).map(parseUrl)
  if (list.length === 0) throw new TypeError('give at least one URL')
  let turn = 0
  return () => list[turn++ % list.length] as URL
}
