import { assertChoice, assertFits, assertHas, assertPositive } from './assert.ts'
import type { Clock } from './clock.ts'
import { assertObject } from './codec.ts'
import type { Connection } from './connection.ts'
import type { Who } from './connection-options.ts'
import type { IceServersOf } from './ice-handout.ts'
import type { Crypto } from './identity.ts'
import type { Limits } from './limits.ts'
import type { AddressedMsg, JoinMsg, LookupMsg, ModerateMsg, Msg } from './message.ts'
import type { CloseEvent } from './socket.ts'

/** What a gate is asked about. */
export type Action =
  | 'join'
  | 'leave'
  | 'lookup'
  | 'watch'
  | 'offer'
  | 'remoteConnect'
  | 'signal'
  | 'message'
  | 'token'
  | 'moderate'
  | 'history'

/** What the gate is asked: who wants to do what, where. */
export interface AuthorizeRequest {
  /** `hello` lets a socket in, `token` is a new one on an open socket; the others are about a topic. */
  action: Action | 'hello'
  /** Who asks: 32 bytes. */
  id: Uint8Array
  /** Whether the id is a key that was proven. */
  proven: boolean
  /** What the client carried in hello, or sent since; empty when it has none. */
  token: string
  /** 32 bytes; absent for `hello` and `token`. */
  topic?: Uint8Array
  /** Whom it is about, where it is about one peer. */
  remoteId?: Uint8Array
  /** What a moderator wants, decoded. */
  data?: unknown
  /** Whose `data`, `grant` and `expireIn` a gate may use. */
  connection: Connection
}

/** Says yes with `true`. Anything else, or a throw, refuses: with FORBIDDEN, or with the code of what was thrown. */
export type Authorize = (request: AuthorizeRequest) => boolean | Promise<boolean>

/** @inline */
type Hook<Args extends unknown[], Result = unknown> = (
  rpc: Connection,
  ...args: Args
) => Result | Promise<Result>

/** Hooks, gates and limits of a server. A hook that throws refuses its operation with its words. */
export interface SocketSignalServerOptions extends Partial<Limits> {
  /** A client said a valid hello. */
  onConnect?: Hook<[]>
  /** An admitted client has gone; what it asked before is done. */
  onDisconnect?: Hook<[]>
  /** Before a topic is joined. What it gives is what `client.join` resolves with, see `_onJoin`. */
  onJoin?: Hook<[JoinMsg]>
  /** Before a topic is left. */
  onLeave?: Hook<[Msg]>
  /** Before a look-up; what it gives answers it. */
  onLookup?: Hook<[LookupMsg]>
  /** Before an offer goes on; what it gives answers it in the callee's place. */
  onOffer?: Hook<[AddressedMsg]>
  /** Before somebody is asked to dial; what it gives answers it. */
  onRemoteConnect?: Hook<[AddressedMsg]>
  /** Before a candidate or renegotiation goes on. */
  onSignal?: Hook<[AddressedMsg]>
  /** Does what a moderator wants; what it gives is the answer. Default: FORBIDDEN. */
  onModerate?: Hook<[ModerateMsg]>
  /** Asked at hello, before each action, and again about what was joined when the token changes. Default: everybody may. */
  authorize?: Authorize
  /** How long a hook may take, and an offer may wait for its answer. Default: 60,000. Unit: ms. */
  requestTimeout?: number
  /** `required` refuses ids that are not proven by a key. Default: `open`. */
  identity?: 'open' | 'required'
  /** What happens when a proven id connects a second time. Default: `replace`, the older socket is closed. */
  conflict?: 'replace' | 'reject'
  /**
   * ICE servers for clients that have none of their own: a list, or a function that is asked for each connection, and
   * again when three quarters of the time until its `expiresAt` are over. Default: none.
   */
  iceServers?: RTCIceServer[] | IceServersOf
  /** Default: `createCrypto()`. */
  crypto?: Crypto
  /** What all its timers run by. Default: the platform's. */
  clock?: Clock
}

/** A door's connection, for somebody who speaks another protocol: its messages are signals, and count as frames alone. */
export interface Guest {
  /**
   * Asked in place of `authorize` for everything but hello; `undefined` leaves it to `authorize`. For a door that knows
   * who is a member where the token doesn't.
   */
  may?(request: AuthorizeRequest): boolean | undefined
}

/** What is known of a socket before it says hello. */
export interface AddSocketOptions {
  /** Whether a hello that was signed for this audience is for us. Default: only `local`, the audience of sockets without a URL. */
  audience?: (audience: string) => boolean
  /** What ids this socket may have. Default: what the server's option says. */
  identity?: 'open' | 'required'
  /** Kept as `connection.data`. */
  data?: { [key: string]: unknown }
  /** For doors alone. */
  guest?: Guest
}

/** What a server tells, beside its hooks. */
export interface ServerEvents {
  /** A client said a valid hello, and no hook refused it. */
  connection: [rpc: Connection]
  /** An admitted client's socket has ended; it may be away, and come back. */
  disconnection: [rpc: Connection, event: CloseEvent]
  /** A hook threw where nobody waits for an answer, or a socket was refused. */
  'connection-error': [error: unknown, rpc: Connection]
  /** A request was answered by an error of this code. */
  refused: [code: string, rpc: Connection]
  /** Another node was told to end the sockets of somebody; this one has done so as well. */
  kicked: [who: Who, reason: string]
}

const FUNCTIONS = [
  'authorize',
  'onConnect',
  'onDisconnect',
  'onJoin',
  'onLeave',
  'onLookup',
  'onOffer',
  'onRemoteConnect',
  'onSignal',
  'onModerate'
] as const

/** At once: a gate that is none, or a word that is mistaken, would let everybody in. */
export function assertOptions(options: SocketSignalServerOptions): void {
  assertObject(options, 'options')
  assertChoice(options.identity, 'identity', 'open or required')
  assertChoice(options.conflict, 'conflict', 'replace or reject')
  assertPositive(options.requestTimeout ?? 1, 'requestTimeout')
  assertHas(options, 'clock', 'setTimeout', 'a Clock')
  assertHas(options, 'crypto', 'verify', 'a Crypto')
  for (const name of FUNCTIONS) {
    const hook = options[name]
    assertFits(hook === undefined || typeof hook === 'function', name, 'a function', hook)
  }
}
