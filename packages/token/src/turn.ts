/** One TURN server, or several that share a secret. */
export interface TurnOptions {
  /** Of the TURN server: `turn:turn.example.org:3478`, `turns:…?transport=tcp`. */
  urls: string | string[]
  /** What the TURN server was given as `static-auth-secret`. */
  secret: string
  /** How long credentials are taken. Default: 3,600. Unit: s. */
  ttl?: number
}

/** What a client is handed: a list for `RTCConfiguration`, and until when it is good. */
export interface TurnServers {
  /** One entry for all URLs, as `RTCConfiguration.iceServers` takes it. */
  iceServers: { urls: string[]; username: string; credential: string }[]
  /** Unix time. Unit: ms. */
  expiresAt: number
}

/** Gives credentials for one user, who is named in the TURN server's log: 1 to 256 characters, no colon. */
export type MintTurn = (user: string) => Promise<TurnServers>

const TTL = 3600
/** About 30 years: a number that no clock and no TURN server stumbles over. Unit: s. */
const LONGEST = 1e9
const SCHEME = /^turns?:[^\s@]+$/
const USER = /^[^:\p{Cc}]{1,256}$/u

/**
 * Short-lived credentials for a TURN server that shares a secret with this one: the username is `expiry:user`, expiry
 * in Unix seconds, and the credential HMAC-SHA1 of it, as base64 (draft-uberti-behave-turn-rest-00, section 2.2; in
 * coturn `use-auth-secret`). The TURN server checks the expiry when an allocation begins, so one that runs goes on.
 * Throws a `TypeError` for options that can't work.
 */
export function createTurn({ urls, secret, ttl = TTL }: TurnOptions): MintTurn {
  const list = [urls].flat()
  if (list.length === 0 || !list.every(url => SCHEME.test(url)))
    throw new TypeError('the URLs of a TURN server must be of the form turn:host:port or turns:host:port')
  if (typeof secret !== 'string' || secret === '') throw new TypeError('secret must not be empty')
  if (!(ttl >= 1 && ttl <= LONGEST)) throw new TypeError(`ttl must be 1 to ${LONGEST} s, got ${String(ttl)}`)
  let key: Promise<CryptoKey> | undefined
  return async user => {
    if (!USER.test(user)) throw new TypeError('user must be 1 to 256 characters without a colon')
    key ??= importKey(secret)
    const expiry = Math.floor(Date.now() / 1000 + ttl)
    const username = `${expiry}:${user}`
    const mac = await crypto.subtle.sign('HMAC', await key, new TextEncoder().encode(username))
    const credential = btoa(String.fromCharCode(...new Uint8Array(mac)))
    return { iceServers: [{ urls: list, username, credential }], expiresAt: expiry * 1000 }
  }
}

function importKey(secret: string): Promise<CryptoKey> {
  const algorithm = { name: 'HMAC', hash: 'SHA-1' }
  return crypto.subtle.importKey('raw', new TextEncoder().encode(secret), algorithm, false, ['sign'])
}
