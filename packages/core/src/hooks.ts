import type { Kept } from './away.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Connection } from './connection.ts'
import { SignalError } from './errors.ts'
import type { Past } from './frame.ts'
import { completeLimits, type Limits } from './limits.ts'
import type { AddressedMsg, HistoryMsg, JoinMsg, LookupMsg, ModerateMsg, Msg, WatchMsg } from './message.ts'
import { Resource } from './resource.ts'
import {
  type Action,
  assertOptions,
  type ServerEvents,
  type SocketSignalServerOptions
} from './server-options.ts'

/**
 * What a server does at each step: for subclasses to override, and by default what the options of the same names say.
 * `rpc` is the connection that asks.
 */
export abstract class ServerHooks extends Resource<ServerEvents> {
  /** What the options ask for, and the defaults for the rest. */
  protected readonly limits: Limits
  /** Of the options, else the platform's. */
  protected readonly clock: Clock
  readonly #options: SocketSignalServerOptions

  constructor(options: SocketSignalServerOptions = {}) {
    super()
    assertOptions(options)
    this.#options = options
    this.limits = completeLimits(options)
    this.clock = options.clock ?? systemClock
  }

  /** How long a hook may take, and an offer may wait for its answer. Unit: ms. */
  get requestTimeout(): number {
    return this.#options.requestTimeout ?? 60_000
  }

  /** A client said a valid hello; throw to refuse it. */
  protected async _onConnect(rpc: Connection): Promise<void> {
    await this.#options.onConnect?.(rpc)
  }
  /** An admitted client has gone: its socket has ended, and what it asked before is done. */
  protected async _onDisconnect(rpc: Connection): Promise<void> {
    await this.#options.onDisconnect?.(rpc)
  }
  /**
   * The socket of an admitted client broke. True keeps its place for `_resumeWindow`: what is sent to it waits, and
   * a socket with its resume key goes on there.
   */
  protected _onAway(_rpc: Connection): boolean {
    return false
  }
  /** Another socket, perhaps on another node, goes on in this one's place if `resumeKey` is its own. Gives what it has. */
  protected _onHandOver(_rpc: Connection, _resumeKey: Uint8Array): Kept | undefined {
    return undefined
  }
  /** Somebody who is away has lost the id to another socket, perhaps on another node. */
  protected _onLost(_rpc: Connection): void {}
  /** An answer to what came from another connection, perhaps on another node, finds back. */
  protected _onReply(_to: Uint8Array, _answer: Uint8Array): void {}
  /** How long a broken socket's place is kept. Default: 0, not at all. Unit: ms. */
  protected get _resumeWindow(): number {
    return 0
  }
  /** Runs before each action; throw to refuse it. */
  protected _onPreRequest(_rpc: Connection, _msg: Msg, _action: Action): void | Promise<void> {}
  /** Gives what `client.join` resolves with: ids, members, or any JSON. Without an answer: nobody. */
  protected _onJoin(rpc: Connection, msg: JoinMsg): unknown {
    return this.#options.onJoin?.(rpc, msg)
  }
  /** A client leaves a topic, or a new token does not let it in any more. */
  protected _onLeave(rpc: Connection, msg: Msg): unknown {
    return this.#options.onLeave?.(rpc, msg)
  }
  /** Gives what `client.lookup` resolves with: ids, members, or any JSON. Without an answer: nobody. */
  protected _onLookup(rpc: Connection, msg: LookupMsg): unknown {
    return this.#options.onLookup?.(rpc, msg)
  }
  /** Gives `target.forward(msg)`, or a value that answers the offer, or throws. Without an answer: PEER_NOT_FOUND. */
  protected _onOffer(rpc: Connection, msg: AddressedMsg): unknown {
    return this.#options.onOffer?.(rpc, msg)
  }
  /** As `_onOffer`, for a peer that is asked to make the offer itself. */
  protected _onRemoteConnect(rpc: Connection, msg: AddressedMsg): unknown {
    return this.#options.onRemoteConnect?.(rpc, msg)
  }
  /** A candidate or renegotiation on its way; also what gives an offer up (`msg.kind` is `cancel`). */
  protected _onSignal(rpc: Connection, msg: AddressedMsg): unknown {
    return this.#options.onSignal?.(rpc, msg)
  }
  /** A message to one peer, or to everybody in the topic. */
  protected _onMessage(_rpc: Connection, _msg: AddressedMsg): unknown {
    throw new SignalError('UNSUPPORTED', 'this server carries no messages')
  }
  /** Single peers are watched, or not any more. Gives `{ present }`: whether the peer is there. */
  protected _onWatch(_rpc: Connection, _msg: WatchMsg): unknown {
    throw new SignalError('UNSUPPORTED', 'this server has no presence')
  }
  /** Gives what was said in a topic before, the latest of it, the oldest first. */
  protected _onHistory(_rpc: Connection, _msg: HistoryMsg): readonly Past[] | Promise<readonly Past[]> {
    throw new SignalError('UNSUPPORTED', 'this server keeps no history')
  }
  /** Somebody with the right to it wants a peer kicked, for instance. */
  protected _onModerate(rpc: Connection, msg: ModerateMsg): unknown {
    const { onModerate } = this.#options
    if (onModerate) return onModerate(rpc, msg)
    throw new SignalError('FORBIDDEN', 'this server knows no moderators')
  }
}
