/** What a published client may ask of a server. */
export type Action = 'join' | 'leave' | 'lookup' | 'offer' | 'remoteConnect' | 'signal' | 'ping'

/** By which names a generation of published clients calls the server, and is called by it. */
export interface Dialect {
  /** For people and counts. */
  readonly name: string
  readonly calls: { readonly [name: string]: Action }
  /** How such a client is asked to dial; undefined where it can't be. */
  readonly remoteConnect: string | undefined
}

/** What a client's heartbeat calls. */
export const PING = '__ping__'
