import { toSocket } from '#stream-socket'
import { hashKey, type Kept, type Room } from './away.ts'
import { copy, equals, fromKey, ID_SIZE, isDoorId, isZero, toKey, ZERO_ID } from './bytes.ts'
import { type Clock, systemClock } from './clock.ts'
import { decodeBody, encodeBody } from './codec.ts'
import { Connection, type ConnectionOptions, type Greeting, peerNotFound, type Who } from './connection.ts'
import { closeCode, hasClose, SignalError, toSignalError } from './errors.ts'
import { type Addressed, encodeMembers, type Frame, type Hello } from './frame.ts'
import { IceHandout } from './ice-handout.ts'
import { type Crypto, createCrypto, helloBytes, settleConflict } from './identity.ts'
import { completeLimits, type Limits } from './limits.ts'
import { isMembers, paginate } from './listing.ts'
import {
  AddressedMsg,
  FORWARDED,
  type JoinMsg,
  type LookupMsg,
  type ModerateMsg,
  type Msg,
  type WatchMsg
} from './message.ts'
import { FLAG, LOCAL_AUDIENCE, VERSION } from './protocol.ts'
import { Resource } from './resource.ts'
import {
  type Action,
  type AddSocketOptions,
  type AuthorizeRequest,
  assertOptions,
  type Guest,
  type ServerEvents,
  type SocketSignalServerOptions
} from './server-options.ts'
import { keep } from './slab.ts'
import type { CloseEvent, Socket } from './socket.ts'
import type { DuplexLike } from './stream-socket.ts'
import { wait } from './wait.ts'

export type { Who } from './connection.ts'

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
export abstract class SocketSignalServer extends Resource<ServerEvents> {
  /** The admitted connections. */
  readonly connections: Set<Connection> = new Set()
  protected readonly limits: Limits
  protected readonly clock: Clock
  readonly #options: SocketSignalServerOptions
  readonly #crypto: Crypto
  readonly #ice: IceHandout
  readonly #shared: ConnectionOptions
  readonly #guestShared: ConnectionOptions
  /** Those that have yet to say hello, or whose hello is being looked at. */
  readonly #greeting = new Set<Connection>()
  readonly #byId = new Map<string, Connection>()
  readonly #guests = new Map<Connection, Guest>()
  /** Disconnect hooks that still run. */
  readonly #leaving = new Map<Connection, Promise<void>>()
  readonly #room: Room = { taken: 0 }
  #ticker: unknown
  #routed = 0

  constructor(options: SocketSignalServerOptions = {}) {
    super()
    assertOptions(options)
    this.#options = options
    this.limits = completeLimits(options)
    this.clock = options.clock ?? systemClock
    this.#crypto = options.crypto ?? createCrypto()
    const onerror = (error: unknown, rpc: Connection) => this.emit('connection-error', error, rpc)
    // Who waits for ICE servers must get in without them before hello has taken too long.
    const timeout = this.limits.helloTimeout / 2
    this.#ice = new IceHandout(options.iceServers, { clock: this.clock, timeout, onerror })
    this.#shared = {
      clock: this.clock,
      limits: this.limits,
      requestTimeout: this.requestTimeout,
      onframe: (from, frame) => this.#receive(from, frame),
      onclose: (from, event) => this.#disconnected(from, event),
      onaway: from => this._onAway(from),
      onhandover: (from, resumeKey) => this._onHandOver(from, resumeKey),
      onlost: from => this._onLost(from),
      reply: (to, answer) => this._onReply(to, answer),
      room: this.#room
    }
    const { frameRate: messageRate, frameBurst: messageBurst } = this.limits
    const limits = { ...this.limits, messageRate, messageBurst }
    // Another system's client has no session that it could come back to.
    this.#guestShared = { ...this.#shared, limits, onaway: () => false }
  }

  get requestTimeout(): number {
    return this.#options.requestTimeout ?? 60_000
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
      sockets: this.#sockets,
      connections: this.connections.size,
      ids: this.#byId.size,
      offers,
      kept: this.#room.taken,
      routed: this.#routed
    }
  }

  /**
   * Ends the sockets of a peer, of whoever holds tokens of this `sub`, or of one token, with KICKED: their clients don't
   * come back by themselves. Gives how many.
   */
  disconnect(who: Who, reason = 'kicked'): number {
    const meant = this.#all.filter(connection => connection.is(who))
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
    if (this.status === 'closing' || this.#sockets >= this.limits.maxConnections) {
      connection.close('OVERLOADED', 'the server is full')
      return connection
    }
    this.#greeting.add(connection)
    if (guest) this.#guests.set(connection, guest)
    this.#tick()
    connection.start()
    connection.send({ kind: 'challenge', requestId: 0, versions: [VERSION], nonce })
    return connection
  }

  // Hooks. `rpc` is the connection that asks. The options of the same names are called by these defaults.

  /** A client said a valid hello; throw to refuse it. */
  protected async _onConnect(rpc: Connection): Promise<void> {
    await this.#options.onConnect?.(rpc)
  }
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
  protected _onLeave(rpc: Connection, msg: Msg): unknown {
    return this.#options.onLeave?.(rpc, msg)
  }
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
  /** Somebody with the right to it wants a peer kicked, for instance. */
  protected _onModerate(rpc: Connection, msg: ModerateMsg): unknown {
    const { onModerate } = this.#options
    if (onModerate) return onModerate(rpc, msg)
    throw new SignalError('FORBIDDEN', 'this server knows no moderators')
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
  protected async _may(rpc: Connection, action: Action, msg: Msg): Promise<boolean> {
    try {
      await this.#authorize(rpc, action, msg)
      return true
    } catch {
      return false
    }
  }

  protected override async _close(): Promise<void> {
    this.clock.clearTimeout(this.#ticker)
    // Newcomers are refused by now. What was asked is answered, what comes meanwhile as well.
    await this.#settled([...this.connections].map(({ running }) => running))
    const reason = 'the server is shutting down'
    for (const [at, connection] of this.#all.entries()) {
      // One after the other, so that the server they go to is not stormed.
      const retryAfterMs = Math.min(Math.round((at * 1000) / this.limits.returnRate), LONGEST_RETRY)
      connection.send({ kind: 'goodbye', requestId: 0, code: closeCode(SHUTDOWN), retryAfterMs, reason })
      connection.close(SHUTDOWN, reason)
    }
    await this.#settled(this.#leaving.values())
  }

  /** Waits for hooks, but not for long. */
  async #settled(work: Iterable<Promise<unknown> | undefined>): Promise<void> {
    const options = { clock: this.clock, timeout: this.limits.closeTimeout, late: 'hooks were not done' }
    await wait(Promise.all(work), options).catch(() => {})
  }

  get #sockets(): number {
    return this.#greeting.size + this.connections.size
  }

  get #all(): Connection[] {
    return [...this.#greeting, ...this.connections]
  }

  #tick(): void {
    if (this.#ticker !== undefined) return
    this.#ticker = this.clock.setTimeout(() => {
      this.#ticker = undefined
      const now = this.clock.now()
      for (const connection of this.#all) connection.tick(now)
      for (const connection of this.connections) void this.#ice.renew(connection, now)
      if (this.#sockets > 0) this.#tick()
    }, TICK)
  }

  #disconnected(connection: Connection, event: CloseEvent): void {
    this.#greeting.delete(connection)
    this.#guests.delete(connection)
    if (!this.connections.delete(connection)) return this.#freeId(connection)
    this.emit('disconnection', connection, event)
    this.#leave(connection)
  }

  /** Tells the hook that somebody has gone, once what was asked before is done, so that it finds all of it. */
  #leave(connection: Connection): void {
    const done = this.#within(connection.running ?? Promise.resolve()).catch(() => {})
    const leaving = done
      .then(() => this.#within(this._onDisconnect(connection)))
      .catch(error => this.emit('connection-error', error, connection))
      .finally(() => {
        this.#leaving.delete(connection)
        this.#freeId(connection)
      })
    this.#leaving.set(connection, leaving)
  }

  /** A replaced socket may close late; only the current one gives up the id. */
  #freeId(connection: Connection): void {
    const key = toKey(connection.id)
    if (this.#byId.get(key) === connection) this.#byId.delete(key)
  }

  #receive(connection: Connection, frame: Frame): void | Promise<void> {
    if (connection.greeting) return this.#hello(connection, frame, connection.greeting)
    switch (frame.kind) {
      case 'ping':
        return connection.send({
          kind: 'pong',
          requestId: frame.requestId,
          received: connection.received
        })
      case 'offer':
      case 'remoteConnect':
        return this.#offer(connection, frame as Addressed)
      case 'answer':
      case 'refusal':
        this.#routed++
        return connection.offers.answer(frame as Addressed, connection.id)
      case 'signal':
      case 'cancel':
        return this.#signal(connection, frame as Addressed)
      case 'message':
        return this.#message(connection, frame as Addressed)
      case 'join':
      case 'leave':
      case 'lookup':
      case 'watch':
      case 'token':
      case 'moderate':
        return this.#request(connection, frame)
      case 'unknown':
        return connection.fail(
          frame.requestId,
          new SignalError('UNSUPPORTED', 'this server does not know that request')
        )
      case 'pong':
      case 'result':
      case 'error':
      case 'goodbye':
        return
      default:
        return connection.close('BAD_FRAME', `a client does not send ${frame.kind}`)
    }
  }

  async #hello(connection: Connection, frame: Frame, greeting: Greeting): Promise<void> {
    if (frame.kind !== 'hello') return connection.close('BAD_FRAME', 'the first frame must be hello')
    try {
      await this.#admit(connection, frame, greeting)
    } catch (error) {
      if (connection.closed) return
      const { code, message } = toSignalError(error, 'AUTH_REQUIRED')
      // A code without a number of its own, FORBIDDEN for instance, must not bring the client back.
      connection.close(hasClose(code) ? code : 'AUTH_REQUIRED', message)
      this.emit('connection-error', error, connection)
    }
  }

  async #admit(connection: Connection, hello: Hello, greeting: Greeting): Promise<void> {
    if (hello.version !== VERSION)
      throw new SignalError('PROTOCOL_VERSION', `this server speaks version ${VERSION}`)
    if (isZero(hello.id)) throw new SignalError('BAD_PROOF', 'the zero id belongs to nobody')
    if (isDoorId(hello.id) && !this.#guests.has(connection))
      throw new SignalError('BAD_PROOF', 'this id belongs to a door')
    if (!greeting.audience(hello.audience))
      throw new SignalError('BAD_PROOF', 'this hello is meant for another server')
    await this.#prove(greeting, hello)
    connection.id = keep(hello.id)
    connection.proven = hello.proven
    connection.token = hello.token
    await this.#authorize(connection, 'hello')
    if (connection.closed) return
    if (hello.resume) {
      greeting.resume = { key: hashKey(hello.resumeKey), received: hello.received }
      connection.wait()
    }
    await this.#replace(connection)
    const connecting = this._onConnect(connection)
    await this.#within(connecting).catch(error => {
      // A hook that was too slow and then says yes has connected somebody who has gone.
      connecting.then(
        () => this.#leave(connection),
        () => {}
      )
      throw error
    })
    if (greeting.resumed) await this._leaveForbidden(connection)
    const body = connection.closed ? undefined : await this.#ice.body(connection)
    if (!body || connection.closed) return this.#leave(connection)
    this.#greeting.delete(connection)
    this.connections.add(connection)
    this.#welcome(connection, hello.requestId, body, greeting.resumed)
    connection.admit()
    connection.flush()
    this.emit('connection', connection)
  }

  /** Takes the id, from who has it if need be: that one has left before this one connects. Throws ID_IN_USE. */
  async #replace(connection: Connection): Promise<void> {
    const key = toKey(connection.id)
    const holder = this.#byId.get(key)
    const { greeting, proven } = connection
    const resume = greeting?.resume
    // Its client knows before we do that the old socket is dead.
    if (resume && holder?.proven === proven && holder.isResumedBy(resume.key)) holder.breakOff()
    if (
      holder &&
      !holder.closed &&
      settleConflict(holder, connection, this.#options.conflict ?? 'replace') === 'holder'
    ) {
      throw new SignalError('ID_IN_USE', 'this id is connected already')
    }
    this.#byId.set(key, connection)
    holder?.close('REPLACED', 'the same id connected elsewhere')
    if (holder) await this.#leaving.get(holder)
  }

  async #prove({ nonce, identity }: Greeting, hello: Hello): Promise<void> {
    if (!hello.proven) {
      if (identity !== 'required') return
      throw new SignalError(
        'BAD_PROOF',
        'this server wants ids that are proven by a key: leave out id, or give keyPair'
      )
    }
    const signed = helloBytes(nonce, hello.audience, hello.unsigned as Uint8Array)
    if (await this.#crypto.verify(hello.id, signed, hello.signature)) return
    throw new SignalError('BAD_PROOF', 'the signature of hello is wrong')
  }

  #welcome(connection: Connection, requestId: number, body: Uint8Array, resumed?: Greeting['resumed']): void {
    const { pingInterval, maxPayload, maxMessage } = this.limits
    const resumeWindow = this._resumeWindow
    const resumeKey = resumeWindow > 0 ? copy(this.#crypto.randomBytes(ID_SIZE)) : ZERO_ID
    if (resumeWindow > 0) connection.resumeKey = toKey(hashKey(resumeKey))
    connection.send({
      kind: 'welcome',
      requestId,
      resumed: resumed !== undefined,
      pingInterval,
      maxPayload,
      maxMessage,
      resumeWindow,
      received: resumed?.received ?? 0,
      lost: resumed?.lost ?? 0,
      resumeKey,
      body
    })
  }

  /** Gates, then the hook, then the answer. The connection's next frame waits for all of it. */
  async #request(connection: Connection, frame: Frame): Promise<void> {
    try {
      const { joins } = connection.rates
      if (!joins.take()) throw limited(joins.wait())
      connection.hold()
      const performing = this.#perform(connection, frame)
      connection.running = performing.catch(() => {})
      const result = await this.#within(performing)
      this.#answer(connection, frame.requestId, result, frame.kind === 'join' || frame.kind === 'lookup')
    } catch (error) {
      this.#refuse(connection, frame.requestId, error)
    }
    connection.running = undefined
    connection.release()
  }

  async #perform(connection: Connection, frame: Frame): Promise<unknown> {
    const { id } = connection
    switch (frame.kind) {
      case 'join': {
        const { watch, limit, info } = frame
        const msg: JoinMsg = {
          id,
          topic: copy(frame.topic),
          watch,
          limit: limit || this.limits.lookup,
          info: copy(info)
        }
        await this.#gate(connection, 'join', msg)
        return this.#join(connection, msg)
      }
      case 'leave': {
        const msg: Msg = { id, topic: copy(frame.topic) }
        await this.#gate(connection, 'leave', msg)
        await this._onLeave(connection, msg)
        connection.left(msg.topic)
        return undefined
      }
      case 'lookup': {
        const { after, details } = frame
        const limit = Math.min(frame.limit || this.limits.lookup, this.limits.maxLookup)
        const msg: LookupMsg = { id, topic: copy(frame.topic), limit, details, after: after && copy(after) }
        await this.#gate(connection, 'lookup', msg)
        return this._onLookup(connection, msg)
      }
      case 'watch': {
        const msg: WatchMsg = { id, topic: copy(frame.topic), remoteId: copy(frame.id), watch: frame.watch }
        await this.#gate(connection, 'watch', msg)
        return this._onWatch(connection, msg)
      }
      case 'token': {
        const before = connection.token
        connection.token = frame.token
        try {
          await this.#gate(connection, 'token', { id, topic: ZERO_ID })
        } catch (error) {
          connection.token = before
          throw error
        }
        return this._leaveForbidden(connection)
      }
      case 'moderate': {
        const data = decodeBody(frame)
        const msg: ModerateMsg = { id, topic: copy(frame.topic), remoteId: copy(frame.id), data }
        await this.#gate(connection, 'moderate', msg)
        return this._onModerate(connection, msg)
      }
      default:
        throw new SignalError('UNSUPPORTED', `${frame.kind} is no request`)
    }
  }

  async #join(connection: Connection, msg: JoinMsg): Promise<unknown> {
    const known = connection.hasJoined(msg.topic)
    if (!known && connection.topicCount >= this.limits.maxTopics) {
      throw new SignalError('LIMIT_TOPICS', `a connection may join ${this.limits.maxTopics} topics`)
    }
    connection.joined(msg.topic)
    try {
      return await this._onJoin(connection, msg)
    } catch (error) {
      if (!known) connection.left(msg.topic)
      throw error
    }
  }

  #offer(connection: Connection, frame: Addressed): void | Promise<void> {
    const { requestId } = frame
    if (connection.offers.isAsking(requestId))
      return connection.close('BAD_FRAME', 'a request id that is in use')
    const msg = new AddressedMsg(connection.id, frame, bytes => void connection.take(bytes))
    const fail = (error: unknown) => {
      connection.offers.asked(requestId)
      this.#refuse(connection, requestId, error)
    }
    const start = () => {
      if (requestId === 0) throw new SignalError('INVALID_ARGUMENT', 'an offer needs a request id')
      if (equals(frame.address, connection.id))
        throw new SignalError('INVALID_ARGUMENT', 'an offer to oneself')
      connection.offers.ask(frame)
      const hook =
        frame.kind === 'offer' ? this._onOffer(connection, msg) : this._onRemoteConnect(connection, msg)
      // Not awaited: an answer may take as long as a person needs.
      const answered = this.#within(Promise.resolve(hook)).then(result => {
        if (result === FORWARDED) return
        connection.offers.asked(requestId)
        if (result === undefined) throw peerNotFound()
        this.#answer(connection, requestId, result, false)
      })
      answered.catch(fail)
      this.#routed++
    }
    return attempt(() => this.#gate(connection, frame.kind as Action, msg), start, fail)
  }

  #signal(connection: Connection, frame: Addressed): void | Promise<void> {
    if (frame.kind === 'cancel') connection.offers.cancel(frame)
    const msg = new AddressedMsg(connection.id, frame, ignore)
    const fail = (error: unknown) => this.emit('connection-error', error, connection)
    const run = () => {
      this.#routed++
      const running = this._onSignal(connection, msg)
      if (running instanceof Promise) return this.#within(running)
    }
    return attempt(() => this.#gate(connection, 'signal', msg), run, fail)
  }

  async #message(connection: Connection, frame: Addressed): Promise<void> {
    const { requestId } = frame
    try {
      const { messages } = connection.rates
      if (!messages.take()) throw limited(messages.wait())
      const { length } = frame.bytes
      const { maxMessage, maxPayload } = this.limits
      // A guest's signals for one are what offers are for clients.
      const most = this.#guests.has(connection) && !isZero(frame.address) ? maxPayload : maxMessage
      if (length > most)
        throw new SignalError('TOO_LARGE', `a message of ${length} bytes, the limit is ${most}`)
      if (!connection.hasJoined(frame.topic)) throw new SignalError('NOT_JOINED', 'join the topic first')
      const msg = new AddressedMsg(connection.id, frame, ignore)
      await this.#gate(connection, 'message', msg)
      frame.requestId = 0
      await this.#within(Promise.resolve(this._onMessage(connection, msg)))
      this.#routed++
      if (requestId !== 0) this.#answer(connection, requestId, undefined, false)
    } catch (error) {
      this.#refuse(connection, requestId, error)
    }
  }

  /** `authorize`, then `_onPreRequest`. Without either nothing waits. */
  #gate(connection: Connection, action: Action, msg: Msg & { remoteId?: Uint8Array }): void | Promise<void> {
    const asked = this.#authorize(connection, action, msg)
    const before = () => this._onPreRequest(connection, msg, action)
    const running = asked ? asked.then(before) : before()
    return (
      running &&
      this.#within(running).then(() => {
        // A socket that ended while it was asked must leave nothing behind.
        if (connection.closed) throw new SignalError('CLOSED', 'the socket has ended')
      })
    )
  }

  #authorize(
    connection: Connection,
    action: Action | 'hello',
    msg?: Msg & { remoteId?: Uint8Array }
  ): void | Promise<void> {
    const { authorize = everybody } = this.#options
    const guest = this.#guests.size > 0 ? this.#guests.get(connection) : undefined
    if (authorize === everybody && !guest) return
    const { id, proven, token } = connection
    const request: AuthorizeRequest = { action, id, proven, token, connection }
    if (msg) request.topic = msg.topic
    if (msg?.remoteId) request.remoteId = msg.remoteId
    if (action === 'moderate') request.data = (msg as ModerateMsg).data
    const decided = action === 'hello' || action === 'token' ? undefined : guest?.may?.(request)
    const asked = decided ?? authorize(request)
    if (asked === true) return // Whoever knows at once holds nothing up.
    return this.#within(Promise.resolve(asked)).then(yes => {
      if (yes !== true) throw refused(action, token)
    })
  }

  /** A hook's promise, with a deadline: a hook that hangs must not stop its connection for ever. */
  #within<T>(work: Promise<T>): Promise<T> {
    return wait(work, { clock: this.clock, timeout: this.requestTimeout, late: 'the server did not do it' })
  }

  #refuse(connection: Connection, requestId: number, error: unknown): void {
    const refusal = toSignalError(error, 'FORBIDDEN')
    connection.fail(requestId, refusal)
    this.emit('refused', refusal.code, connection)
  }

  #answer(connection: Connection, requestId: number, result: unknown, listed: boolean): void {
    if (requestId === 0) return
    const value = listed ? (result ?? []) : result
    if (!listed || !isMembers(value)) {
      return connection.send({ kind: 'result', requestId, ...encodeBody(value) })
    }
    const details = value.length > 0 && !(value[0] instanceof Uint8Array)
    const pages = paginate(value, details, this.limits.maxPayload)
    pages.forEach(({ members, away }, at) => {
      const more = at < pages.length - 1 ? FLAG.more : 0
      const flags = FLAG.members | (details ? FLAG.details : 0) | (away ? FLAG.away : 0) | more
      connection.send({ kind: 'result', requestId, flags, body: encodeMembers(members, details) })
    })
  }
}

/** The gate, then the work. What either throws goes to `fail`; a promise is returned only if one of them made one. */
function attempt(
  gate: () => void | Promise<void>,
  run: () => void | Promise<void>,
  fail: (error: unknown) => void
): void | Promise<void> {
  try {
    const waiting = gate()
    const running = waiting ? waiting.then(run) : run()
    return running?.then(undefined, fail)
  } catch (error) {
    fail(error)
  }
}

function isLocal(audience: string): boolean {
  return audience === LOCAL_AUDIENCE
}

function ignore(): void {}

function everybody(): true {
  return true
}

function limited(retryAfterMs: number): SignalError {
  return new SignalError('RATE_LIMITED', `too many requests, try again in ${retryAfterMs} ms`, {
    retryAfterMs
  })
}

function refused(action: Action | 'hello', token: string): SignalError {
  if (action !== 'hello' && action !== 'token')
    return new SignalError('FORBIDDEN', `you may not ${action} here`)
  if (token) return new SignalError('TOKEN_INVALID', 'this token does not let you in')
  return new SignalError('AUTH_REQUIRED', 'this server asks for a token')
}
