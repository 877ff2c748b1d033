import { toSocket } from '#stream-socket'
import { assertBytes, copy, describe, encodeText, equals, isZero } from './bytes.ts'
import { type Clock, systemClock } from './clock.ts'
import { decodeBody, decodeObject, encodeBody, isObject } from './codec.ts'
import { SignalError } from './errors.ts'
import { Addressed, type Frame, type Result, type Welcome } from './frame.ts'
import { assertKeyPair, type Crypto, createCrypto, type Identity, type KeyPair } from './identity.ts'
import { type Heartbeat, Link } from './link.ts'
import {
  type JoinOptions,
  type LookupOptions,
  type Member,
  Memberships,
  type PresenceEvents
} from './memberships.ts'
import { Messages, type PublishOptions, type TopicMessage } from './messages.ts'
import type { Metadata, Peer } from './peer.ts'
import { CEILING, FLAG, LOCAL_AUDIENCE } from './protocol.ts'
import { Reconnect, type ReconnectOptions } from './reconnect.ts'
import { Resource, type Waitable } from './resource.ts'
import type { RequestOptions, Rpc } from './rpc.ts'
import { type CreateRtc, DEFAULT_ICE_SERVERS, loadSimplePeer, type Rtc } from './rtc.ts'
import { Seal, type VerifyPolicy } from './seal.ts'
import { assertMetadata, type OfferData, type OfferResult } from './session.ts'
import { type Concurrency, type ConnectOptions, Sessions } from './sessions.ts'
import type { Socket } from './socket.ts'
import type { DuplexLike } from './stream-socket.ts'

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
  /** simple-peer's options. In Node, `{ wrtc }` is needed, for instance of `@roamhq/wrtc`. */
  simplePeer?: { [option: string]: unknown }
  /** Makes connections in simple-peer's place. */
  rtc?: CreateRtc
  /** Default: what the server hands out, else `DEFAULT_ICE_SERVERS`. `[]`: none. */
  iceServers?: RTCIceServer[]
  /** What is asked of peers' frames. Default: `required`; `optional` with a bare `id`. */
  verify?: VerifyPolicy
  /** Shown to the server in hello. */
  token?: string
  /** `false`: a socket that ends stays ended. Default: it comes back, with full jitter. */
  reconnect?: false | ReconnectOptions
  /** Asks the server for a sign of life on its own. Default: `false`. */
  heartbeat?: boolean | Heartbeat
  /** For which server hello is signed. Default: the URL's origin; `local` for sockets without one. */
  audience?: string
  crypto?: Crypto
  clock?: Clock
  /** Numbers from 0 to below 1, for jitter. */
  random?: () => number
}

export interface ClientEvents extends PresenceEvents {
  'peer-queue': [event: { peer: Peer }]
  'peer-connecting': [event: { peer: Peer }]
  'peer-connected': [event: { peer: Peer }]
  'peer-error': [event: { error: Error; peer: Peer }]
  message: [message: TopicMessage]
  /** The server took this client; `true` when it was there before. */
  connected: [reconnected: boolean]
  /** The socket ended; `true` when the client comes back by itself. */
  disconnected: [willReconnect: boolean, why: { code: number; reason: string; error: SignalError }]
  /** A try to connect came to nothing; `true` when another follows. */
  'connect-error': [error: SignalError, willReconnect: boolean]
  /** The server answered a heartbeat. Unit: ms there and back. */
  ping: [ms: number]
  'ping-error': [error: Error]
  /** Something that came was left out of account: a forged or repeated frame, a signal of no session. */
  dropped: [event: { error: SignalError; id: Uint8Array }]
}

/**
 * A signal client without a transport: joins topics, dials peers, lets them in, and comes back when its socket ends.
 * Extend it and open a Socket in `_connect`, or hand in one socket (or a Node duplex stream).
 */
export abstract class SocketSignalClient extends Resource<ClientEvents> {
  readonly #options: SocketSignalClientOptions
  readonly #socket: Socket | DuplexLike | undefined
  readonly #crypto: Crypto
  readonly #clock: Clock
  readonly #sessions: Sessions
  readonly #memberships: Memberships
  #link: Link
  #identity: Identity | undefined
  #id: Uint8Array | undefined
  #seal: Seal | undefined
  #messages: Messages | undefined
  #createRtc: CreateRtc | undefined
  #requestTimeout: number
  #token: string
  #serverIce: RTCIceServer[] | undefined
  #connected = false

  constructor(socket?: Socket | DuplexLike | null, options: SocketSignalClientOptions = {}) {
    super()
    assertOptions(options)
    this.#options = options
    this.#socket = socket ?? undefined
    this.#crypto = options.crypto ?? createCrypto()
    this.#clock = options.clock ?? systemClock
    this.#requestTimeout = options.requestTimeout ?? 15_000
    this.#token = options.token ?? ''
    if (options.id) this.#id = copy(options.id)
    this.#sessions = this.#createSessions()
    this.#memberships = this.#createMemberships()
    this.#link = this.#createLink()
  }

  /** This client's id: 32 bytes. Known once `open()` has resolved, or at once when the option `id` was given. */
  get id(): Uint8Array {
    if (this.#id) return this.#id
    throw new SignalError('CLOSED', 'client.id is known after open(): keys are made asynchronously')
  }

  /** Whether the server has taken this client and its socket has not ended. */
  get connected(): boolean {
    return this.#connected
  }

  get metadata(): Metadata {
    return this.#options.metadata ?? {}
  }

  /** Unit: ms. */
  get requestTimeout(): number {
    return this.#requestTimeout
  }

  setRequestTimeout(timeout: number): this {
    assertPositive(timeout, 'requestTimeout')
    this.#requestTimeout = timeout
    return this
  }

  /** How many connections are being set up at once, each way. */
  get concurrency(): Concurrency {
    return this.#sessions.concurrency
  }

  setConcurrency(value: number | Partial<Concurrency>): this {
    this.#sessions.concurrency = completeConcurrency(value, this.#sessions.concurrency)
    return this
  }

  /** Every peer that is connected or on its way. */
  get peers(): Peer[] {
    return this.#sessions.peers
  }

  get peersConnected(): Peer[] {
    return this.peers.filter(peer => peer.connected)
  }

  get peersConnecting(): Peer[] {
    return this.peers.filter(peer => !peer.connected)
  }

  getPeersByTopic(topic: Uint8Array): Peer[] {
    assertBytes(topic, 'topic')
    return this.peers.filter(peer => equals(peer.topic, topic))
  }

  /**
   * Joins a topic and gives the ids of peers there, without this client. After a reconnect it is joined again by
   * itself, and the event `join` comes again. Rejects with LIMIT_TOPICS, FORBIDDEN, RATE_LIMITED, TIMEOUT.
   */
  async join(topic: Uint8Array, options: JoinOptions = {}): Promise<Uint8Array[]> {
    assertBytes(topic, 'topic')
    return this.#memberships.join(topic, options)
  }

  /** Leaves a topic. Connections of the topic stay: see `closeConnectionsByTopic`. */
  async leave(topic: Uint8Array, { signal }: Waitable = {}): Promise<void> {
    assertBytes(topic, 'topic')
    await this.#memberships.leave(topic, { signal })
  }

  /** Gives ids of peers in a topic, joined or not; with `details`, members and what they said of themselves. */
  lookup(topic: Uint8Array, options: LookupOptions & { details: true }): Promise<Member[]>
  lookup(topic: Uint8Array, options?: LookupOptions): Promise<Uint8Array[]>
  async lookup(topic: Uint8Array, options: LookupOptions = {}): Promise<Uint8Array[] | Member[]> {
    assertBytes(topic, 'topic')
    if (options.after) assertBytes(options.after, 'after')
    return this.#memberships.lookup(topic, options)
  }

  /**
   * Watches one peer by id, without its topic's traffic: `peer-joined` and `peer-left` tell of it. Gives whether it is
   * there now.
   */
  async watch(topic: Uint8Array, peerId: Uint8Array, { signal }: Waitable = {}): Promise<boolean> {
    assertBytes(topic, 'topic')
    assertBytes(peerId, 'peerId')
    return this.#memberships.watch(topic, peerId, { signal })
  }

  async unwatch(topic: Uint8Array, peerId: Uint8Array, { signal }: Waitable = {}): Promise<void> {
    assertBytes(topic, 'topic')
    assertBytes(peerId, 'peerId')
    await this.#memberships.unwatch(topic, peerId, { signal })
  }

  /**
   * Sends a message to everybody in a topic that this client has joined, or to one of them. At most once; resolves
   * when the server took it. Rejects with TOO_LARGE (16 KiB by default), RATE_LIMITED, NOT_JOINED, PEER_NOT_FOUND.
   */
  async publish(topic: Uint8Array, data: unknown, { to, signal }: PublishOptions = {}): Promise<void> {
    assertBytes(topic, 'topic')
    if (to) assertBytes(to, 'to')
    await this.#usable(signal)
    await this.#messages?.publish(topic, data, { signal, ...(to && { to }) })
  }

  /**
   * Connects to a peer of a topic. Gives the Peer at once; wait for `peer.ready()`. Joining first is not needed.
   */
  connect(topic: Uint8Array, peerId: Uint8Array, options: ConnectOptions = {}): Peer {
    this.#assertPeerArguments(topic, peerId, options)
    return this.#sessions.connect(topic, peerId, options)
  }

  /** As `connect`, but the other side is asked to make the offer. */
  remoteConnect(topic: Uint8Array, peerId: Uint8Array, options: ConnectOptions = {}): Peer {
    this.#assertPeerArguments(topic, peerId, options)
    return this.#sessions.remoteConnect(topic, peerId, options)
  }

  /** Closes every connection of a topic; resolves when they are closed. */
  async closeConnectionsByTopic(topic: Uint8Array): Promise<void> {
    await Promise.all(this.getPeersByTopic(topic).map(peer => peer.close()))
  }

  /** Gives the server a new token on the open socket, and at every return from here on. */
  async updateToken(token: string, { signal }: Waitable = {}): Promise<void> {
    assertToken(token)
    this.#token = token
    if (this.#link.rpc) await this.#ask({ kind: 'token', requestId: 0, token }, { signal })
  }

  /** Asks a server that knows moderators to act on a peer, for instance to kick it. Rejects with FORBIDDEN. */
  async moderate(
    topic: Uint8Array,
    peerId: Uint8Array,
    data: unknown,
    { signal }: Waitable = {}
  ): Promise<unknown> {
    assertBytes(topic, 'topic')
    assertBytes(peerId, 'peerId')
    const { flags, bytes: body } = encodeBody(data)
    const result = await this.#ask(
      { kind: 'moderate', requestId: 0, flags, topic, id: peerId, body },
      { signal }
    )
    return readResult(result)
  }

  /** Sets the gate for peers that this client did not dial: throw to refuse one with your words. */
  onIncomingPeer(handler: (peer: Peer) => unknown): this {
    this._onIncomingPeer = async peer => void (await handler(peer))
    return this
  }

  onOffer(handler: (data: OfferData) => unknown): this {
    this._onOffer = async data => (await handler(data)) as OfferResult | undefined
    return this
  }

  onAnswer(handler: (data: OfferData) => unknown): this {
    this._onAnswer = async data => void (await handler(data))
    return this
  }

  onRemoteConnect(handler: (data: OfferData) => unknown): this {
    this._onRemoteConnect = async data => (await handler(data)) as OfferResult | undefined
    return this
  }

  /**
   * Opens a new Socket, or a Node duplex stream; called again for each reconnect. MUST give up when the signal aborts.
   * Default: the socket that the constructor was given, once.
   */
  protected async _connect(_options: { signal: AbortSignal }): Promise<Socket | DuplexLike> {
    if (this.#socket) return this.#socket
    throw new TypeError('give the client a socket, or override _connect')
  }

  /** For which server hello is signed. Called after each `_connect`. */
  protected _audience(): string {
    return this.#options.audience ?? LOCAL_AUDIENCE
  }

  /** The gate for offers, before anything is made for them: throw to refuse. May give `{ metadata, simplePeer }`. */
  protected async _onOffer(_data: OfferData): Promise<OfferResult | undefined> {
    return undefined
  }

  /** The remote's answer has come. */
  protected async _onAnswer(_data: OfferData): Promise<void> {}

  /** The gate for peers that this client did not dial: throw to refuse one with your words. */
  protected async _onIncomingPeer(_peer: Peer): Promise<void> {}

  /** The gate for peers that ask to be dialed. */
  protected async _onRemoteConnect(_data: OfferData): Promise<OfferResult | undefined> {
    return undefined
  }

  /** Subclasses that override it call `super._open()`. */
  protected override async _open(): Promise<void> {
    const { keyPair, id, verify = id ? 'optional' : 'required', rtc } = this.#options
    if (!id) {
      this.#identity = await this.#crypto.identity(keyPair ?? (await this.#crypto.generateKeyPair()))
      this.#id = copy(this.#identity.publicKey)
    }
    this.#seal = new Seal({ id: this.id, identity: this.#identity, crypto: this.#crypto, verify })
    this.#messages = this.#createMessages(this.#seal)
    this.#createRtc = rtc ?? (await loadSimplePeer())
    const link = this.#link
    try {
      link.start()
      await link.welcomed({ timeout: this.#requestTimeout })
    } catch (error) {
      await link.stop()
      this.#link = this.#createLink() // So that a second open() starts afresh.
      throw error
    }
  }

  /** Subclasses that override it call `super._close()`. */
  protected override async _close(): Promise<void> {
    await this.#sessions.close()
    await this.#link.stop()
    this.#memberships.clear()
  }

  protected override _abortOpen(): void {
    void this.#link.stop()
  }

  #createLink(): Link {
    const { reconnect, heartbeat, random = Math.random } = this.#options
    const comesBack = reconnect !== false && !this.#socket
    return new Link({
      clock: this.#clock,
      reconnect: comesBack ? new Reconnect(reconnect ?? {}, random) : undefined,
      heartbeat: heartbeat === true ? {} : heartbeat || undefined,
      timeout: () => this.#requestTimeout,
      connect: async signal => {
        const socket = toSocket(await this._connect({ signal }), CEILING.payload)
        return { socket, audience: this._audience() }
      },
      greet: () => ({ id: this.id, identity: this.#identity, token: this.#token }),
      onframe: frame => this.#receive(frame),
      onhello: () => this.#memberships.renew(),
      onwelcome: (welcome, again) => this.#welcomed(welcome, again),
      ondown: (willReconnect, { code, reason }, error) => {
        this.#connected = false
        this.emit('disconnected', willReconnect, { code, reason, error })
      },
      onfail: (error, willReconnect) => this.emit('connect-error', error, willReconnect),
      onping: ms => this.emit('ping', ms),
      onpingerror: error => this.emit('ping-error', error)
    })
  }

  #createSessions(): Sessions {
    const client = this
    return new Sessions(
      {
        clock: this.#clock,
        crypto: this.#crypto,
        get seal() {
          return client.#openSeal()
        },
        get metadata() {
          return client.metadata
        },
        id: () => this.id,
        connectTimeout: () => this.#options.connectTimeout ?? this.#requestTimeout,
        createRtc: options => this.#rtc(options),
        ready: signal => this.#usable(signal).then(() => {}),
        ask: (frame, options) => this.#askPeer(frame, options),
        post: async (frame, signal) => (await this.#usable(signal, Number.POSITIVE_INFINITY)).send(frame),
        postNow: frame => this.#link.rpc?.send(frame),
        onOffer: data => this._onOffer(data),
        onAnswer: data => this._onAnswer(data),
        onIncomingPeer: peer => this._onIncomingPeer(peer),
        onRemoteConnect: data => this._onRemoteConnect(data),
        dropped: (error, id) => this.emit('dropped', { error, id }),
        emit: (event, peer) => this.emit(event, { peer }),
        emitError: (error, peer) => this.emit('peer-error', { error, peer })
      },
      completeConcurrency(this.#options.concurrency ?? 8, { incoming: 8, outgoing: 8 })
    )
  }

  #createMemberships(): Memberships {
    return new Memberships({
      id: () => this.id,
      ask: (frame, options) => this.#ask(frame, options),
      request: async (frame, options) => {
        const rpc = await this.#link.usable({ timeout: this.#requestTimeout })
        return rpc.request(frame as Exclude<Frame, { kind: 'unknown' }>, {
          ...options,
          timeout: this.#requestTimeout
        })
      },
      emit: (event, ...args) => this.emit(event, ...(args as never)),
      dropped: (error, id) => this.emit('dropped', { error, id })
    })
  }

  #createMessages(seal: Seal): Messages {
    return new Messages(
      {
        seal,
        requestTimeout: () => this.#requestTimeout,
        usable: signal => this.#usable(signal),
        deliver: message => this.emit('message', message),
        dropped: (error, id) => this.emit('dropped', { error, id })
      },
      copy(this.#crypto.randomBytes(32))
    )
  }

  #openSeal(): Seal {
    if (this.#seal) return this.#seal
    throw new SignalError('CLOSED', 'open the client first')
  }

  #rtc({
    initiator,
    streams,
    simplePeer
  }: {
    initiator: boolean
    streams: MediaStream[]
    simplePeer: object
  }): Rtc {
    if (!this.#createRtc) throw new SignalError('CLOSED', 'open the client before you touch peer.stream')
    const { config, streams: always = [], ...own } = this.#options.simplePeer ?? {}
    const { config: ownConfig, ...rest } = simplePeer as { config?: object }
    const iceServers = this.#options.iceServers ?? this.#serverIce ?? DEFAULT_ICE_SERVERS
    return this.#createRtc({
      ...own,
      ...rest,
      initiator,
      streams: [...(always as MediaStream[]), ...streams],
      config: { iceServers, ...(config as object), ...ownConfig }
    })
  }

  #assertPeerArguments(
    topic: Uint8Array,
    peerId: Uint8Array,
    { metadata, simplePeer }: ConnectOptions
  ): void {
    assertBytes(topic, 'topic')
    assertBytes(peerId, 'peerId')
    assertMetadata(metadata)
    if (simplePeer !== undefined && !isObject(simplePeer)) {
      throw new TypeError(`simplePeer must be an object, got ${describe(simplePeer)}`)
    }
    if (isZero(peerId) || (this.#id && equals(peerId, this.#id)))
      throw new TypeError('peerId must be the id of another peer')
    if (this.status === 'closing' || this.status === 'closed')
      throw new SignalError('CLOSED', 'this client is closed')
  }

  #receive(frame: Frame): void {
    if (frame.kind === 'presence') this.#memberships.presence(frame)
    else if (!(frame instanceof Addressed)) return
    else if (frame.kind === 'message') this.#messages?.receive(frame)
    else this.#sessions.receive(frame)
  }

  #welcomed({ maxMessage, body }: Welcome, again: boolean): void {
    if (this.#messages) this.#messages.limit = maxMessage
    const { iceServers } = decodeObject({ flags: FLAG.json, bytes: body })
    if (Array.isArray(iceServers)) this.#serverIce = iceServers as RTCIceServer[]
    this.#connected = true
    this.emit('connected', again)
  }

  /** A socket on which hello has gone. Opens the client if nobody has; a failure to open reaches who waits here. */
  #usable(signal: AbortSignal | undefined, timeout = this.#requestTimeout): Promise<Rpc> {
    const opening = this.open()
    const failed = opening.then(() => new Promise<never>(() => {}))
    // Not `await opening`: requests may follow hello without waiting for the welcome.
    return Promise.race([this.#link.usable({ signal, timeout }), failed])
  }

  /** A request to the server. Sent again when the socket broke meanwhile: all of them may come twice. */
  #ask(frame: Frame, options: Waitable & Partial<RequestOptions> = {}): Promise<Frame> {
    return this.#again(frame, { ...options, timeout: this.#requestTimeout })
  }

  #askPeer(
    frame: Addressed,
    options: { signal: AbortSignal; accept(answer: Frame): boolean }
  ): Promise<Frame> {
    return this.#again(frame, { ...options, timeout: Number.POSITIVE_INFINITY }) // Its session keeps the deadline.
  }

  async #again(frame: Frame, options: RequestOptions): Promise<Frame> {
    const deadline = this.#clock.now() + options.timeout
    for (;;) {
      const timeout = deadline - this.#clock.now()
      const rpc = await this.#usable(options.signal, timeout)
      // A fresh copy each time: a socket owns the bytes it was given.
      const sendable = frame instanceof Addressed ? new Addressed(copy(frame.bytes), frame.kind) : frame
      try {
        return await rpc.request(sendable as Exclude<Frame, { kind: 'unknown' }>, { ...options, timeout })
      } catch (error) {
        if (!rpc.closed || options.signal?.aborted) throw error
      }
    }
  }
}

function readResult(answer: Frame): unknown {
  const { flags, body } = answer as Result
  return decodeBody({ flags, bytes: body })
}

function assertOptions(options: SocketSignalClientOptions): void {
  const { id, keyPair, metadata, requestTimeout, connectTimeout, concurrency, iceServers, token, rtc } =
    options
  if (id !== undefined) assertBytes(id, 'id')
  if (id !== undefined && keyPair)
    throw new TypeError('give id or keyPair, not both: the id is the public key')
  if (keyPair !== undefined) assertKeyPair(keyPair)
  assertMetadata(metadata)
  if (requestTimeout !== undefined) assertPositive(requestTimeout, 'requestTimeout')
  if (connectTimeout !== undefined) assertPositive(connectTimeout, 'connectTimeout')
  if (concurrency !== undefined) completeConcurrency(concurrency, { incoming: 8, outgoing: 8 })
  if (iceServers !== undefined && !Array.isArray(iceServers)) {
    throw new TypeError(`iceServers must be a list, got ${describe(iceServers)}`)
  }
  if (token !== undefined) assertToken(token)
  if (rtc !== undefined && typeof rtc !== 'function')
    throw new TypeError(`rtc must be a function, got ${describe(rtc)}`)
}

function assertToken(token: unknown): void {
  if (typeof token !== 'string') throw new TypeError(`token must be a string, got ${describe(token)}`)
  const { length } = encodeText(token)
  if (length > CEILING.token)
    throw new TypeError(`token takes ${length} bytes, the limit is ${CEILING.token}`)
}

function assertPositive(value: unknown, name: string): void {
  if (typeof value === 'number' && value > 0) return
  throw new TypeError(`${name} must be a number above 0, got ${describe(value)}`)
}

function completeConcurrency(value: number | Partial<Concurrency>, before: Concurrency): Concurrency {
  const { incoming = before.incoming, outgoing = before.outgoing } =
    typeof value === 'number' ? { incoming: value, outgoing: value } : value
  for (const count of [incoming, outgoing]) {
    if (!(Number.isInteger(count) || count === Number.POSITIVE_INFINITY) || count < 1) {
      throw new TypeError(`concurrency must be a whole number above 0, got ${describe(count)}`)
    }
  }
  return { incoming, outgoing }
}
