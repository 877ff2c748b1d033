/**
 * The client without the server, for pages.
 *
 * @module socket-signal/client
 */

import { createPeers, createVeil, diagnose, explain, recall } from '#parts'
import { toSocket } from '#stream-socket'
import { assertCount, assertFits, assertPositive } from './assert.ts'
import { assertBytes, assertPeer, copy, copyId, NOTHING, toKey } from './bytes.ts'
import { ClientHooks } from './client-hooks.ts'
import {
  assertOptions,
  type Concurrency,
  type ConnectOptions,
  type SocketSignalClientOptions
} from './client-options.ts'
import { systemClock } from './clock.ts'
import { decodeBody, encodeBody, isObject } from './codec.ts'
import type { Companion, Company, Detour } from './detour.ts'
import type { Diagnosis } from './diagnose.ts'
import { closed, Dialer } from './dialer.ts'
import { SignalError, toSignalError } from './errors.ts'
import { ADDRESSED_SIZE, Addressed, type Frame, type Moderate, type Result } from './frame.ts'
import type { Host } from './host.ts'
import { createCrypto } from './identity.ts'
import { Limiter } from './limiter.ts'
import { Link } from './link.ts'
import type { JoinOptions, LookupOptions, Member, Memberships } from './memberships.ts'
import type { PublishOptions } from './messages.ts'
import type { Metadata, Peer } from './peer.ts'
import { CEILING, FLAG, LOCAL_AUDIENCE, USUAL } from './protocol.ts'
import type { HistoryQuery, PastMessage } from './recall.ts'
import { Reconnect } from './reconnect.ts'
import type { Waitable } from './resource.ts'
import { type CreateRtc, loadSimplePeer, type Rtc, type RtcOptions } from './rtc.ts'
import type { OfferData } from './session.ts'
import type { Sessions } from './sessions.ts'
import type { Socket } from './socket.ts'
import type { DuplexLike } from './stream-socket.ts'
import { Token } from './token.ts'
import { Trace } from './trace.ts'
import { wait } from './wait.ts'

export type {
  ClientEvents,
  Concurrency,
  ConnectOptions,
  RecoveryOptions,
  SocketSignalClientOptions,
  TokenSource
} from './client-options.ts'

/**
 * A signal client without a transport: joins topics, dials peers, lets them in, and comes back when its socket ends.
 * Extend it and open a Socket in `_connect`, or hand in one socket (or a Node duplex stream).
 */
export abstract class SocketSignalClient extends ClientHooks {
  readonly #options: SocketSignalClientOptions
  readonly #socket: Socket | DuplexLike | undefined
  readonly #host: Host
  readonly #dialer: Dialer
  /** Loaded when the client opens, or a topic is asked for. */
  #loading: ReturnType<typeof createPeers> | undefined
  #memberships: Memberships | undefined
  #sessions: Sessions | undefined
  #createRtc: CreateRtc | undefined
  readonly #token: Token

  constructor(socket?: Socket | DuplexLike | null, options: SocketSignalClientOptions = {}) {
    super()
    const isSocket = !socket || 'send' in socket || 'write' in socket
    assertFits(isSocket, 'socket', 'a socket or null (options come second)', socket)
    assertOptions(options)
    this.#options = options
    this.#socket = socket ?? undefined
    this.#host = this.#createHost()
    this.#token = new Token(options.token, this.#host)
    this.#host.link = this.#createLink()
    this.#dialer = new Dialer(this.#host)
    const { concurrency = {} } = options
    this.setConcurrency(concurrency)
  }

  /** This client's id: 32 bytes. Known once `open()` has resolved, or at once when the option `id` was given. */
  get id(): Uint8Array {
    if (this.#host.id) return this.#host.id
    throw new SignalError('CLOSED', 'client.id is known after open()')
  }

  /** Whether the server has taken this client and its socket has not ended. */
  get connected(): boolean {
    return this.#host.link.connected
  }

  /** What every peer is told of this client. */
  get metadata(): Metadata {
    return this.#host.metadata
  }

  /** Unit: ms. */
  get requestTimeout(): number {
    return this.#host.requestTimeout
  }

  /** For requests from here on. Unit: ms. Throws a `TypeError` unless it is above 0. */
  setRequestTimeout(timeout: number): this {
    assertPositive(timeout, 'requestTimeout')
    this.#host.requestTimeout = timeout
    return this
  }

  /** How many connections are being set up at once, each way. */
  get concurrency(): Concurrency {
    return { incoming: this.#host.incoming.limit, outgoing: this.#host.outgoing.limit }
  }

  /** For connections from here on; a number counts for each way. Throws a `TypeError` unless whole and above 0. */
  setConcurrency(value: number | Partial<Concurrency>): this {
    const both = isObject(value) ? value : { incoming: value, outgoing: value }
    const { incoming, outgoing } = { ...this.concurrency, ...both }
    for (const count of [incoming, outgoing]) assertCount(count, 'concurrency')
    this.#host.incoming.limit = incoming
    this.#host.outgoing.limit = outgoing
    return this
  }

  /** Every peer that is connected or on its way. */
  get peers(): Peer[] {
    return this.#dialer.peers
  }

  /** Those whose channel is open. */
  get peersConnected(): Peer[] {
    return this.peers.filter(peer => peer.connected)
  }

  /** Those that wait for their turn or are on their way. */
  get peersConnecting(): Peer[] {
    return this.peers.filter(peer => !peer.connected)
  }

  /** Those that were dialed or let in in this topic. 32 bytes. */
  getPeersByTopic(topic: Uint8Array): Peer[] {
    assertBytes(topic, 'topic')
    return this.#dialer.in(topic)
  }

  /**
   * Joins a topic and gives the ids of peers there, without this client. After a reconnect it is joined again by
   * itself, and the event `join` comes again. Rejects with LIMIT_TOPICS, FORBIDDEN, RATE_LIMITED, TIMEOUT.
   */
  async join(topic: Uint8Array, options: JoinOptions = {}): Promise<Uint8Array[]> {
    const own = asked(topic, options)
    const info = encodeInfo(options.info)
    const { trace } = this.#host
    const name = `join ${toKey(own)}`
    try {
      return await trace.during(
        name,
        this.#topics(options, topics => topics.join(own, info, options))
      )
    } catch (error) {
      trace.marks.delete(name)
      throw error
    }
  }

  /** Leaves a topic. Connections of the topic stay: see `closeConnectionsByTopic`. */
  async leave(topic: Uint8Array, options: Waitable = {}): Promise<void> {
    const own = copyId(topic, 'topic')
    this.#host.trace.marks.delete(`join ${toKey(own)}`)
    return this.#topics(options, topics => topics.leave(own, options))
  }

  /** Gives ids of peers in a topic, joined or not; with `details`, members and what they said of themselves. */
  lookup(topic: Uint8Array, options: LookupOptions & { details: true }): Promise<Member[]>
  /** Gives ids of peers in a topic, joined or not. */
  lookup(topic: Uint8Array, options?: LookupOptions): Promise<Uint8Array[]>
  async lookup(topic: Uint8Array, options: LookupOptions = {}): Promise<Uint8Array[] | Member[]> {
    const own = asked(topic, options)
    const after = copyGiven(options.after, 'after')
    return this.#topics(options, topics => topics.lookup(own, { ...options, after }))
  }

  /**
   * Watches one peer by id, without its topic's traffic: `peer-joined` and `peer-left` tell of it. Gives whether it is
   * there now.
   */
  async watch(topic: Uint8Array, peerId: Uint8Array, options: Waitable = {}): Promise<boolean> {
    const [own, id] = [copyId(topic, 'topic'), copyId(peerId, 'peerId')]
    return this.#topics(options, topics => topics.watch(own, id, options))
  }

  /** Watches one peer no more; harmless where it was not watched. */
  async unwatch(topic: Uint8Array, peerId: Uint8Array, options: Waitable = {}): Promise<void> {
    const [own, id] = [copyId(topic, 'topic'), copyId(peerId, 'peerId')]
    return this.#topics(options, topics => topics.unwatch(own, id, options))
  }

  /**
   * Sends a message to everybody in a topic that this client has joined, or to one of them. At most once; resolves
   * when the server took it. Rejects with TOO_LARGE (16 KiB by default), RATE_LIMITED, NOT_JOINED, PEER_NOT_FOUND.
   */
  async publish(topic: Uint8Array, data: unknown, options: PublishOptions = {}): Promise<void> {
    // At once: what is changed after the call is not what was published.
    const own = copyId(topic, 'topic')
    const to = copyGiven(options.to, 'to')
    const { flags, body } = encodeBody(data)
    const message = { flags, body: copy(body) }
    const rpc = await this.#host.link.usable(options.signal, undefined, ADDRESSED_SIZE + body.length)
    await this.#host.messages?.publish(rpc, own, message, { ...options, to })
  }

  /**
   * The latest of what was published with `keep` in a topic that this client has joined, oldest first, its own among it. The
   * server may give fewer than asked for; none: there are none before. Rejects with UNSUPPORTED where the server keeps
   * no history, or the bundle is a lean one, NOT_JOINED, FORBIDDEN, RATE_LIMITED.
   */
  async history(topic: Uint8Array, options: HistoryQuery = {}): Promise<PastMessage[]> {
    return recall(this.#host, asked(topic, options), options)
  }

  /**
   * Connects to a peer of a topic. Gives the Peer at once; wait for `peer.ready()`. Joining first is not needed.
   */
  connect(topic: Uint8Array, peerId: Uint8Array, options: ConnectOptions = {}): Peer {
    return this.#dialer.connect(true, topic, peerId, options)
  }

  /** As `connect`, but the other side is asked to make the offer. */
  remoteConnect(topic: Uint8Array, peerId: Uint8Array, options: ConnectOptions = {}): Peer {
    return this.#dialer.connect(false, topic, peerId, options)
  }

  /**
   * Tells that this machine has another network than before, or one again: each connection searches its path anew, at
   * once and over signaling.
   */
  networkChanged(): void {
    this.#sessions?.recover({ all: true })
  }

  /**
   * Ends the socket until `resume()`: nothing is dialed and no timer of it runs. The server keeps this client's place for
   * its resume window; with `leave` it has left at once. Connections with peers stay. Calls wait for the socket, until their deadline.
   */
  suspend({ leave = false }: { leave?: boolean } = {}): void {
    this.#host.link.suspend(leave ? 1000 : 'SUSPENDED')
  }

  /**
   * Sees to it that the server is reached, now: dials at once after `suspend()` or where the next try is waited for; a
   * socket that seems open must give a sign of life within 5 s.
   */
  resume(): void {
    this.#host.link.resume()
  }

  /**
   * Looks before a call whether the server, the token, UDP and TURN are as they should be; takes some seconds where they
   * are not. Opens the client. Never rejects but with the signal's reason, or UNSUPPORTED in a lean bundle.
   */
  async diagnose({ signal }: Waitable = {}): Promise<Diagnosis> {
    return wait(diagnose(this, this.#host), { signal })
  }

  /** Closes every connection of a topic; resolves when they are closed. */
  async closeConnectionsByTopic(topic: Uint8Array): Promise<void> {
    await Promise.all(this.getPeersByTopic(topic).map(peer => peer.close()))
  }

  /** Gives the server a new token on the open socket, and at every return from here on. */
  async updateToken(token: string, options: Waitable = {}): Promise<void> {
    return this.#token.update(token, options)
  }

  /** Asks a server that knows moderators to act on a peer, for instance to kick it. Rejects with FORBIDDEN. */
  async moderate(
    topic: Uint8Array,
    peerId: Uint8Array,
    data: unknown,
    { signal }: Waitable = {}
  ): Promise<unknown> {
    assertPeer(topic, peerId)
    const frame = { kind: 'moderate', topic, id: peerId, ...encodeBody(data) } as const
    return decodeBody((await this.#host.link.ask(frame, { signal })) as Result)
  }

  /**
   * Lets something stand on this client that has gates and ways of its own, for instance a swarm. It brings `Detour` of
   * `socket-signal/detour` along, so that clients without one need not carry it.
   */
  accompany(companion: Companion, Ways: typeof Detour): Company {
    this.#host.detour ??= new Ways(this.#host)
    return this.#host.detour.add(companion)
  }

  /**
   * Opens a new Socket, or a Node duplex stream; called again for each reconnect. MUST give up when the signal aborts.
   * Default: the socket that the constructor was given, once.
   */
  protected async _connect(_options: { signal: AbortSignal }): Promise<Socket | DuplexLike> {
    if (this.#socket) return this.#socket
    throw new SignalError('INVALID_ARGUMENT', 'give a socket, or override _connect')
  }

  /** For which server hello is signed, unless the option says so. Called after each `_connect`. */
  protected _audience(): string {
    return LOCAL_AUDIENCE
  }

  /** Subclasses that override it call `super._open()`. */
  protected override async _open(): Promise<void> {
    const { keyPair, id: bare, rtc } = this.#options
    const host = this.#host
    const { crypto, link, privacy } = host
    try {
      const makeIdentity = async () => crypto.identity(keyPair ?? (await crypto.generateKeyPair()))
      const [identity, createRtc] = await Promise.all([
        bare ? undefined : makeIdentity(),
        rtc ?? loadSimplePeer(),
        this.#load()
      ])
      if (privacy !== 'all') host.veil = await createVeil(privacy)
      host.identity = identity
      this.#createRtc = createRtc
      if (identity) host.id = copy(identity.publicKey)
      this.#dialer.begin(this.#sessions as Sessions)
      // Each connection asks again where it needs to, and says why it fails.
      const ice = wait(host.ice.refresh(), { signal: link.signal }).catch(() => {})
      await link.start()
      await ice
    } catch (error) {
      await link.stop(error)
      host.link = this.#createLink() // So that a second open() starts afresh.
      throw error
    }
  }

  /** Subclasses that override it call `super._close()`. */
  protected override async _close(): Promise<void> {
    const peers = [...this.#dialer.all]
    this.#sessions?.close()
    for (const peer of peers) peer.destroy()
    await Promise.all(peers.map(peer => peer.waitForClose()))
    await this.#host.parting
    await this.#host.link.stop(closed())
    this.#memberships?.clear()
  }

  protected override _abortOpen(): void {
    void this.#host.link.stop(closed())
  }

  /** At once where they are there. The first call loads them, and `open()` does. */
  async #topics<T>({ signal }: Waitable, act: (topics: Memberships) => Promise<T>): Promise<T> {
    const { clock, requestTimeout: timeout } = this.#host
    const late = 'what joins was not loaded'
    return act(this.#memberships ?? (await wait(this.#load(), { signal, clock, timeout, late })))
  }

  /** What only traffic between peers needs: made once, whoever asks for it first. */
  async #load(): Promise<Memberships> {
    this.#loading ??= createPeers(this.#host, this.#options.iceServers)
    try {
      const [memberships, sessions] = await this.#loading
      this.#sessions = sessions
      return (this.#memberships = memberships)
    } catch (error) {
      this.#loading = undefined // What could not be loaded may be there the next time.
      throw error
    }
  }

  #createLink(): Link {
    const { reconnect, heartbeat, audience } = this.#options
    const comesBack = reconnect !== false && !this.#socket
    return new Link({
      host: this.#host,
      reconnect: comesBack ? new Reconnect(reconnect ?? {}, this.#host.random) : undefined,
      heartbeat: heartbeat === true ? {} : heartbeat || undefined,
      token: this.#token,
      connect: async signal => {
        const { trace } = this.#host
        await trace.during('token', this.#token.fetch())
        trace.begin('socket')
        const socket = toSocket(await this._connect({ signal }), CEILING.payload)
        return { socket, audience: audience ?? this._audience() }
      },
      onfresh: () => this.#memberships?.renew(),
      onwelcome: ({ maxMessage, body }) => {
        this.#token.taken()
        this.#host.trace.end('socket')
        this.#host.ice.take(body)
        this.#sessions?.recover({ all: false })
        this.#host.maxMessage = maxMessage
      }
    })
  }

  #createHost(): Host {
    const {
      id,
      requestTimeout = 15_000,
      clock = systemClock,
      crypto = createCrypto(),
      random = Math.random,
      connectTimeout,
      metadata = {},
      privacy = 'all',
      verify = id ? 'optional' : 'required',
      recovery: { grace = 8000, renew } = {}
    } = this.#options
    return {
      clock,
      crypto,
      explain,
      random,
      id: id && copy(id),
      requestTimeout,
      connectTimeout,
      grace,
      metadata,
      maxMessage: USUAL.message,
      privacy,
      verify,
      trace: new Trace(clock),
      veil: signal => signal,
      incoming: new Limiter(8),
      outgoing: new Limiter(8),
      createRtc: (...options) => this.#rtc(...options),
      open: () => this.open(),
      status: () => this.status,
      renew: (...lost) => renew && this.#dialer.renew(...lost),
      follow: peer => this.#dialer.follow(peer),
      emit: (event, ...args) => this.emit(event, ...args),
      receive: frame => this.#receive(frame),
      // What stands on this client is asked as well.
      hook: async (name: '_onOffer', data: OfferData) => {
        const { detour } = this.#host
        const ask = () => this[name](data)
        return detour ? detour.decide(name, data, ask) : ask()
      }
    } as Host
  }

  #rtc(initiator: boolean, simplePeer: object | undefined, added: MediaStream[]): Rtc {
    if (!this.#createRtc) throw new SignalError('CLOSED', 'peer.stream needs an open client')
    const always: Partial<RtcOptions> | undefined = this.#options.simplePeer
    const own: Partial<RtcOptions> | undefined = simplePeer
    const { ice, privacy } = this.#host
    return this.#createRtc({
      ...always,
      ...own,
      initiator,
      streams: [always, own, { streams: added }].flatMap(given => given?.streams ?? []),
      config: {
        iceServers: ice.list,
        ...always?.config,
        ...own?.config,
        ...(privacy === 'relay' && { iceTransportPolicy: privacy })
      }
    })
  }

  #receive(frame: Frame): void {
    if (frame.kind === 'presence') this.#memberships?.presence(frame)
    else if (frame.kind === 'update') this.#host.ice.take(frame.body)
    else if (frame.kind === 'moderate') this.#moderated(frame)
    else if (frame.kind === 'token') void this.#token.expiring(Number(frame.token) || 0)
    else if (frame.kind === 'error') this.#sessions?.gone(frame)
    else if (!(frame instanceof Addressed)) return
    else if (frame.kind === 'message') this.#host.messages?.receive(frame)
    else this.#sessions?.receive(frame)
  }

  #moderated(frame: Moderate): void {
    try {
      this.emit('moderated', { topic: copy(frame.topic), id: copy(frame.id), data: decodeBody(frame) })
    } catch (error) {
      this.emit('dropped', { error: toSignalError(error), id: this.id })
    }
  }
}

/** The topic that is asked about, where the answer may be limited. */
function asked(topic: Uint8Array, { limit = 1 }: LookupOptions): Uint8Array {
  assertCount(limit, 'limit')
  return copyId(topic, 'topic')
}

/** What is absent means all: what is wrong must not. */
function copyGiven(id: Uint8Array | undefined, name: string): Uint8Array | undefined {
  return id === undefined ? id : copyId(id, name)
}

function encodeInfo(info: unknown): Uint8Array {
  if (info === undefined) return NOTHING
  const { flags, body } = encodeBody(info)
  const fits = (flags & FLAG.json) !== 0 && body.length <= CEILING.info
  assertFits(fits, 'info', `JSON of at most ${CEILING.info} bytes`, body)
  return body
}
