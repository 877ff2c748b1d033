/**
 * The server without an opinion on where topics are kept, and without the client.
 *
 * @module socket-signal/server
 */

import { toSocket } from '#stream-socket'
import { Admission } from './admission.ts'
import type { Room } from './away.ts'
import { copy, fromKey, ID_SIZE } from './bytes.ts'
import { Connection } from './connection.ts'
import type { ConnectionOptions, Who } from './connection-options.ts'
import { closeCode } from './errors.ts'
import { Gate, type Within } from './gate.ts'
import { ServerHooks } from './hooks.ts'
import { IceHandout } from './ice-handout.ts'
import { type Crypto, createCrypto } from './identity.ts'
import type { Msg } from './message.ts'
import { LOCAL_AUDIENCE, VERSION } from './protocol.ts'
import { Router } from './router.ts'
import type { Action, AddSocketOptions, SocketSignalServerOptions } from './server-options.ts'
import type { Socket } from './socket.ts'
import type { DuplexLike } from './stream-socket.ts'
import { wait } from './wait.ts'

export type { Who } from './connection-options.ts'

export type {
  Action,
  AddSocketOptions,
  Authorize,
  AuthorizeRequest,
  Guest,
  ServerEvents,
  SocketSignalServerOptions
} from './server-options.ts'

const TICK = 1000
const SHUTDOWN = 'SERVER_SHUTDOWN'
/** A client stays away for no longer. Unit: ms. */
const LONGEST_RETRY = 60_000

/**
 * A signal server without an opinion on where topics are kept: admits sockets, knows who is who, holds the limits,
 * and turns frames into hooks. Extend it; `SocketSignalServerMap` is the ready one.
 *
 * Hooks of one connection run in the order of its frames; the next frame waits for a hook's promise, except that
 * offers don't hold up what follows them. A hook that throws refuses its operation with its words.
 */
export abstract class SocketSignalServer extends ServerHooks {
  readonly #options: SocketSignalServerOptions
  readonly #crypto: Crypto
  readonly #ice: IceHandout
  readonly #gate: Gate
  readonly #admission: Admission
  readonly #router: Router
  readonly #shared: ConnectionOptions
  readonly #guestShared: ConnectionOptions
  readonly #room: Room = { taken: 0 }
  #ticker: unknown

  constructor(options: SocketSignalServerOptions = {}) {
    super(options)
    const { limits, clock } = this
    this.#options = options
    this.#crypto = options.crypto ?? createCrypto()
    const emit: ServerHooks['emit'] = (event, ...args) => this.emit(event, ...args)
    const within: Within = work =>
      wait(work, { clock, timeout: this.requestTimeout, late: 'the server did not do it' })
    // Who waits for ICE servers must get in without them before hello has taken too long.
    const timeout = limits.helloTimeout / 2
    const onerror = (error: unknown, rpc: Connection) => emit('connection-error', error, rpc)
    this.#ice = new IceHandout(options.iceServers, { clock, timeout, onerror, maxPayload: limits.maxPayload })
    this.#gate = new Gate({
      authorize: options.authorize,
      before: (from, msg, action) => this._onPreRequest(from, msg, action),
      within
    })
    this.#admission = new Admission({
      ...{ limits, crypto: this.#crypto, conflict: options.conflict ?? 'replace' },
      ...{ gate: this.#gate, ice: this.#ice, within, emit },
      resumeWindow: () => this._resumeWindow,
      onconnect: from => this._onConnect(from),
      onresume: from => this._leaveForbidden(from),
      ondisconnect: from => this._onDisconnect(from)
    })
    this.#router = new Router({
      ...{ limits, gate: this.#gate, within, emit },
      routes: {
        join: (from, msg) => this._onJoin(from, msg),
        leave: (from, msg) => this._onLeave(from, msg),
        lookup: (from, msg) => this._onLookup(from, msg),
        watch: (from, msg) => this._onWatch(from, msg),
        moderate: (from, msg) => this._onModerate(from, msg),
        history: (from, msg) => this._onHistory(from, msg),
        token: from => this._leaveForbidden(from),
        offer: (from, msg) => this._onOffer(from, msg),
        remoteConnect: (from, msg) => this._onRemoteConnect(from, msg),
        signal: (from, msg) => this._onSignal(from, msg),
        message: (from, msg) => this._onMessage(from, msg)
      }
    })
    this.#shared = {
      ...{ clock, limits, requestTimeout: this.requestTimeout, room: this.#room },
      onframe: (from, frame) =>
        from.greeting ? this.#admission.hello(from, frame, from.greeting) : this.#router.receive(from, frame),
      onclose: (from, event) => this.#admission.end(from, event),
      onaway: from => this._onAway(from),
      onhandover: (from, resumeKey) => this._onHandOver(from, resumeKey),
      onlost: from => this._onLost(from),
      reply: (to, answer) => this._onReply(to, answer)
    }
    const { frameRate: messageRate, frameBurst: messageBurst } = limits
    // Another system's client has no session that it could come back to.
    this.#guestShared = {
      ...this.#shared,
      limits: { ...limits, messageRate, messageBurst },
      onaway: () => false
    }
  }

  /** The admitted connections. */
  get connections(): Set<Connection> {
    return this.#admission.connections
  }

  /**
   * What is held right now; `kept`: for those who are away, in bytes. All but `routed` are 0 again once every client has
   * gone.
   */
  stats(): {
    sockets: number
    connections: number
    ids: number
    offers: number
    kept: number
    routed: number
  } {
    let offers = 0
    for (const connection of this.connections) offers += connection.waiting
    return {
      sockets: this.#admission.sockets,
      connections: this.connections.size,
      ids: this.#admission.ids,
      offers,
      kept: this.#room.taken,
      routed: this.#router.routed
    }
  }

  /**
   * Ends the sockets of a peer, of whoever holds tokens of this `sub`, or of one token, with KICKED: their clients don't
   * come back by themselves. Gives how many.
   */
  disconnect(who: Who, reason = 'kicked'): number {
    const meant = this.#admission.all.filter(connection => connection.is(who))
    for (const connection of meant) connection.close('KICKED', reason)
    return meant.length
  }

  /**
   * Takes a socket, or a Node duplex stream. Gives its connection, which counts as admitted (the event `connection`)
   * once the client has said a valid hello. Rejects with CLOSED when the server is closed.
   */
  async addSocket(
    socket: Socket | DuplexLike,
    { audience = isLocal, identity = this.#options.identity, data, guest }: AddSocketOptions = {}
  ): Promise<Connection> {
    const pipe = toSocket(socket, this.limits.maxPayload)
    await this.open()
    const nonce = copy(this.#crypto.randomBytes(ID_SIZE))
    const shared = guest ? this.#guestShared : this.#shared
    const connection = new Connection(pipe, { nonce, audience, identity }, shared, data)
    if (this.status === 'closing' || this.#admission.sockets >= this.limits.maxConnections) {
      connection.close('OVERLOADED', 'the server is full')
      return connection
    }
    this.#admission.greeting.add(connection)
    if (guest) this.#gate.guests.set(connection, guest)
    this.#tick()
    connection.start()
    connection.send({ kind: 'challenge', versions: [VERSION], nonce })
    return connection
  }

  /** A new token may let in to less: what may not be joined any more is left, and its client finds out by asking. */
  protected async _leaveForbidden(rpc: Connection): Promise<void> {
    for (const key of [...rpc.topics]) {
      const msg: Msg = { id: rpc.id, topic: fromKey(key) }
      if (await this._may(rpc, 'join', msg)) continue
      await this._onLeave(rpc, msg)
      rpc.left(msg.topic)
      rpc.resync(msg.topic)
    }
  }

  /** What `authorize` says of an action, without a throw. */
  protected _may(rpc: Connection, action: Action, msg: Msg): Promise<boolean> {
    return this.#gate.allows(rpc, action, msg)
  }

  protected override async _close(): Promise<void> {
    this.clock.clearTimeout(this.#ticker)
    // Newcomers are refused by now. What was asked is answered, what comes meanwhile as well.
    await this.#settled([...this.connections].map(({ running }) => running))
    const reason = 'the server is shutting down'
    for (const [at, connection] of this.#admission.all.entries()) {
      // One after the other, so that the server they go to is not stormed.
      const retryAfterMs = Math.min(Math.round((at * 1000) / this.limits.returnRate), LONGEST_RETRY)
      connection.send({ kind: 'goodbye', code: closeCode(SHUTDOWN), retryAfterMs, reason })
      connection.close(SHUTDOWN, reason)
    }
    await this.#settled(this.#admission.leaving.values())
  }

  /** Waits for hooks, but not for long. */
  async #settled(work: Iterable<Promise<unknown> | undefined>): Promise<void> {
    const options = { clock: this.clock, timeout: this.limits.closeTimeout, late: 'hooks were not done' }
    await wait(Promise.all(work), options).catch(() => {})
  }

  #tick(): void {
    if (this.#ticker !== undefined) return
    this.#ticker = this.clock.setTimeout(() => {
      this.#ticker = undefined
      const now = this.clock.now()
      for (const connection of this.#admission.all) connection.tick(now)
      for (const connection of this.connections) void this.#ice.renew(connection, now)
      if (this.#admission.sockets > 0) this.#tick()
    }, TICK)
  }
}

function isLocal(audience: string): boolean {
  return audience === LOCAL_AUDIENCE
}
