import { assertShapes } from '#parts'
import { assertChoice, assertFits } from './assert.ts'
import { assertBytes, encodeText } from './bytes.ts'
import type { Privacy } from './candidates.ts'
import type { Clock } from './clock.ts'
import { assertObject } from './codec.ts'
import type { SignalError } from './errors.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { IceServersProvider } from './ice.ts'
import { assertKeyPair, type Crypto, type KeyPair } from './identity.ts'
import type { PresenceEvents } from './memberships.ts'
import type { TopicMessage } from './messages.ts'
import type { Metadata, Peer } from './peer.ts'
import { CEILING } from './protocol.ts'
import type { ReconnectOptions } from './reconnect.ts'
import type { CreateRtc } from './rtc.ts'
import type { VerifyPolicy } from './seal.ts'

/** How many connections are being set up at once. */
export interface Concurrency {
  /** Of those that dialed this client. A whole number above 0. */
  incoming: number
  /** Of those that this client dials. A whole number above 0. */
  outgoing: number
}

/** What is said of one connection, and what it is made of. */
export interface ConnectOptions {
  /** Told to the remote, over the client's own. */
  metadata?: Metadata
  /** simple-peer's options, for this connection only. */
  simplePeer?: { [option: string]: unknown }
  /** Gives back a connection with this peer in this topic that is there or on its way. */
  dedupe?: boolean
  /** Gives the attempt up. */
  signal?: AbortSignal
}

/** Who a client is, how long it waits, and what its connections are made of. */
export interface SocketSignalClientOptions {
  /** An id of your own, 32 bytes. It is unproven: anyone could claim it. Not together with `keyPair`. */
  id?: Uint8Array
  /** A lasting key pair (`generateKeyPair()`); its public key is the id. Default: a new one each time. */
  keyPair?: KeyPair | CryptoKeyPair
  /** How long requests to the server and to peers may take. Default: 15,000. Unit: ms. */
  requestTimeout?: number
  /** Time from a peer's turn to its open channel. Default: `requestTimeout`. Unit: ms. */
  connectTimeout?: number
  /** Peers that are being connected at once, each way. Default: 8. */
  concurrency?: number | Partial<Concurrency>
  /** Told to every peer. Any JSON object. */
  metadata?: Metadata
  /** What becomes of a connection whose path is lost. */
  recovery?: RecoveryOptions
  /** simple-peer's options. In Node, `{ wrtc }` is needed, for instance of `@roamhq/wrtc`. */
  simplePeer?: { [option: string]: unknown }
  /** Makes connections in simple-peer's place. */
  rtc?: CreateRtc
  /**
   * A list, or a function that gives one and may say when it ends: `{ iceServers, expiresAt }`. `[]`: none.
   * Default: what the server hands out, else `DEFAULT_ICE_SERVERS`.
   */
  iceServers?: RTCIceServer[] | IceServersProvider
  /** Which of this side's addresses are told: `relay` those of TURN servers, `no-host` none of the local network. Default: `all`. */
  privacy?: Privacy
  /** What is asked of peers' frames. Default: `required`; `optional` with a bare `id`. */
  verify?: VerifyPolicy
  /** Shown to the server in hello; or what gives it, asked at each hello and when the server says that it runs out. */
  token?: string | TokenSource
  /** `false`: a socket that ends stays ended. Default: it comes back, with full jitter. */
  reconnect?: false | ReconnectOptions
  /** Asks the server for a sign of life on its own. Default: `false`. */
  heartbeat?: boolean | Heartbeat
  /** For which server hello is signed. Default: the URL's origin; `local` for sockets without one. */
  audience?: string
  /** Default: `createCrypto()`. */
  crypto?: Crypto
  /** What all its timers run by. Default: the platform's. */
  clock?: Clock
  /** Numbers from 0 to below 1, for jitter. */
  random?: () => number
}

/** What a client tells. Ids and topics: 32 bytes each. */
export interface ClientEvents extends PresenceEvents {
  /** A peer was made by this client or let in, and waits for its turn (`concurrency`). */
  'peer-queue': [event: { peer: Peer }]
  /** Its turn has come: `connectTimeout` runs. */
  'peer-connecting': [event: { peer: Peer }]
  /** Its channel is open. */
  'peer-connected': [event: { peer: Peer }]
  /** It failed, with what `ready()` rejects with. */
  'peer-error': [event: { error: Error; peer: Peer }]
  /** Somebody published in a topic that this client has joined. */
  message: [message: TopicMessage]
  /** The server's word on what was decided about a peer of a topic, perhaps about this one. Unsigned. */
  moderated: [event: { topic: Uint8Array; id: Uint8Array; data: unknown }]
  /**
   * The server took this client; `true` when it was there before. `resumed`: its place was kept and it went on there.
   * `lost`: frames, either way, that were on their way when the socket broke or found no room at the server; what asks for
   * an answer is asked again.
   */
  connected: [reconnected: boolean, how: { resumed: boolean; lost: number }]
  /** The socket ended; `true` when the client comes back by itself. */
  disconnected: [willReconnect: boolean, why: { code: number; reason: string; error: SignalError }]
  /** A try to connect came to nothing; `true` when another follows. */
  'connect-error': [error: SignalError, willReconnect: boolean]
  /** The token ends in so many ms. A `token` that is a function has been asked for another; else `updateToken`. */
  'token-expiring': [event: { expiresIn: number }]
  /** There was no new token, or the server did not take it; it is tried again. */
  'token-error': [error: SignalError]
  /** The server answered a heartbeat. Unit: ms there and back. */
  ping: [ms: number]
  /** No answer to a heartbeat in time; the socket is given up, and the client comes back on another one. */
  'ping-error': [error: Error]
  /**
   * Something that came was left out of account: a forged or repeated frame, a signal of no session, messages that come
   * faster than they are checked (SLOW_CONSUMER).
   */
  dropped: [event: { error: SignalError; id: Uint8Array }]
}

/** Gives a token. `expiring`: another one than before, which runs out. A failure is tried again. */
export type TokenSource = (request: { expiring: boolean }) => string | Promise<string>

/** A connection whose path is lost is searched another one: an ICE restart. */
export interface RecoveryOptions {
  /** How long the path may be gone before. Default: 8,000. Unit: ms. */
  grace?: number
  /** Whether who dialed dials anew, once, when the path did not come back: `peer-connected` gives the new peer. Default: `false`. */
  renew?: boolean
}

/** Throws a `TypeError` for an option that is none. */
export function assertOptions(options: SocketSignalClientOptions): void {
  assertObject(options, 'options')
  const { id, keyPair, privacy, verify, token = '', audience = '' } = options
  if (id !== undefined) assertBytes(id, 'id')
  assertFits(!id || !keyPair, 'id', 'absent beside keyPair', id)
  if (keyPair !== undefined) assertKeyPair(keyPair)
  assertChoice(privacy, 'privacy', 'all or no-host or relay')
  // A word that is mistaken must not let in more than was meant.
  if (typeof verify !== 'function') assertChoice(verify, 'verify', 'required or optional or off')
  if (typeof token !== 'function') assertToken(token)
  assertText(audience, 'audience', CEILING.audience)
  assertShapes(options)
}

/** Throws a `TypeError` for what no hello can carry. */
export function assertToken(token: unknown): void {
  assertText(token, 'token', CEILING.token)
}

function assertText(text: unknown, name: string, most: number): void {
  const fits = typeof text === 'string' && encodeText(text).length <= most
  assertFits(fits, name, `a string of at most ${most} bytes`, text)
}
