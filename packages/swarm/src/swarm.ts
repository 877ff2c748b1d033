import {
  type Companion,
  type Company,
  Emitter,
  type OfferData,
  type OfferResult,
  type Peer,
  type Rtc,
  SignalError,
  type SocketSignalClient,
  toHex,
  toKey,
  type Unsubscribe
} from 'socket-signal'
import { Detour } from 'socket-signal/detour'
import { fromKey, isObject } from 'socket-signal/wire'
import type { Failure } from './book.ts'
import { MAX, MS } from './bounds.ts'
import { type Broadcast, type BroadcastCounts, Broadcaster } from './broadcast.ts'
import { Carrier, type CarryCounts } from './carrier.ts'
import { Channel } from './channel.ts'
import { Mesh, type Plea } from './mesh.ts'
import { Neighbour } from './neighbour.ts'
import { full, type Topology } from './topology.ts'
import { decodeWord, type Word } from './wire.ts'

/** Whom a swarm connects with, and how fast. */
export interface SwarmOptions {
  /** Whom to be connected with, in each topic. Default: `full()`. */
  topology?: Topology
  /** Connections of a topic at most. Default: 64. */
  maxPeers?: number
  /** Dials of a topic at once. Default: 8; the client's `concurrency` counts as well. */
  parallel?: number
  /** Whether signals travel over peers, ours and those of others. Default: `true`. */
  carry?: boolean
}

/** Who a connection is with. */
export interface ConnectionInfo {
  /** 32 bytes. */
  readonly id: Uint8Array
  /** The topics that are shared with it, as they stand: 32 bytes each. */
  readonly topics: Uint8Array[]
  /** The client's own Peer: `explain()`, metadata, the topic that it was dialed in. */
  readonly peer: Peer
}

/** One for each peer, however many topics are shared with it. */
export interface Connection {
  /** A duplex stream, which is the app's alone. */
  readonly stream: Rtc
  /** Who it is with, and for which topics: as it stands, not a copy. */
  readonly info: ConnectionInfo
}

/** What a swarm tells. */
export interface SwarmEvents {
  /** One is open, dialed or let in. */
  connection: [connection: Connection]
  /** One has ended. */
  disconnection: [info: ConnectionInfo]
  /** Somebody's `broadcast`, once each. */
  message: [message: Broadcast]
  /** A topic is shared with a peer, or no longer. */
  topics: [info: ConnectionInfo]
  /** Somebody broke the rules and is banned. */
  banned: [event: { id: Uint8Array; error: SignalError }]
  /** A policy threw. */
  error: [error: unknown]
}

/** How a swarm stands, over all its topics. */
export interface SwarmStats {
  /** Connections that are open. */
  connections: number
  /** Dials on their way. */
  dialing: number
  /** Since the swarm began. */
  broadcasts: BroadcastCounts
  /** Since the swarm began. */
  carried: CarryCounts
}

interface Place {
  topic: Uint8Array
  mesh: Mesh
}

/** What is said of a dial in its metadata, under this name. */
const NAME = 'swarm'

/** Joins topics and is connected with the right peers of them: dials, lets in, heals, hands on. */
export class Swarm extends Emitter<SwarmEvents> {
  readonly #client: SocketSignalClient
  readonly #topology: Topology
  readonly #options: { maxPeers: number; parallel: number; carry: boolean }
  readonly #company: Company
  readonly #places = new Map<string, Place>()
  readonly #neighbours = new Map<string, Neighbour>()
  /** Peers of ours, on their way or open. */
  readonly #peers = new Map<Peer, Channel | undefined>()
  readonly #bans = new Map<string, number>()
  readonly #broadcaster: Broadcaster
  readonly #carrier: Carrier
  readonly #ends: Unsubscribe[] = []
  readonly #joining = new Set<Promise<unknown>>()
  #waiting: (() => void)[] = []
  #timer: unknown
  #destroyed = false

  constructor(client: SocketSignalClient, options: SwarmOptions = {}) {
    super()
    const { topology = full(), maxPeers = 64, parallel = MAX.dials, carry = true } = options
    if (typeof Object(topology).policy !== 'function') throw new TypeError('topology must be a Topology')
    for (const [name, value] of Object.entries({ maxPeers, parallel }))
      if (!(value >= 1)) throw new TypeError(`${name} must be a number of at least 1, got ${value}`)
    this.#client = client
    this.#topology = topology
    this.#options = { maxPeers, parallel, carry }
    const companion: Companion = {
      _onOffer: data => this.#onOffer(data),
      _onRemoteConnect: data => this.#onWish(data),
      reaches: (topic, id) => carry && this.#carrier.reaches(topic, id),
      carry: frame => carry && this.#carrier.send(frame)
    }
    this.#company = client.accompany(companion, Detour)
    const self = () => this.#client.id
    const company = this.#company
    this.#broadcaster = new Broadcaster({
      company,
      self,
      neighbours: topic => this.#sharing(topic),
      onmessage: message => this.emit('message', message)
    })
    this.#carrier = new Carrier({
      company,
      self: () => toKey(self()),
      neighbour: id => this.#neighbours.get(id),
      via: (topic, id) => this.#places.get(topic)?.mesh.via(id) ?? []
    })
    this.#ends.push(
      client.on('peer-queue', ({ peer }) => this.#attach(peer)),
      client.on('connected', () => this.#wake()),
      client.on('join', ({ topic, peers }) => this.#found(topic, peers)),
      client.on('lookup', ({ topic, peers }) => this.#found(topic, peers)),
      client.on('peer-joined', ({ topic, id }) => this.#mesh(topic)?.found(toKey(id), true)),
      client.on('peer-back', ({ topic, id }) => this.#mesh(topic)?.found(toKey(id))),
      client.on('peer-left', ({ topic, id }) => {
        this.#mesh(topic)?.lost(toKey(id))
        this.#doubt(toKey(id))
      }),
      client.on('peer-away', ({ id }) => this.#doubt(toKey(id)))
    )
    this.#beatLater()
  }

  /** Those that are open. */
  get connections(): Connection[] {
    return [...this.#neighbours.values()].map(connectionOf)
  }

  /** The topics that were joined: 32 bytes each. */
  get topics(): Uint8Array[] {
    return [...this.#places.values()].map(({ topic }) => topic)
  }

  /** A copy: counts as they are now. */
  get stats(): SwarmStats {
    const dialing = [...this.#places.values()].reduce((sum, { mesh }) => sum + mesh.dialing.length, 0)
    const broadcasts = { ...this.#broadcaster.counts }
    return { connections: this.#neighbours.size, dialing, broadcasts, carried: { ...this.#carrier.counts } }
  }

  /**
   * Joins a topic, and is connected with peers of it from then on. Resolves when the server has answered; see `flush`.
   * Rejects as `client.join`, and then it has not joined.
   */
  async join(topic: Uint8Array): Promise<void> {
    if (this.#destroyed) throw closed()
    const opening = this.#client.open()
    this.#joining.add(opening)
    try {
      await opening
      const key = toKey(topic)
      if (this.#destroyed) throw closed()
      if (this.#places.has(key)) return
      if (this.#places.size >= MAX.topics)
        throw new SignalError('LIMIT_TOPICS', `${MAX.topics} topics at most`)
      const joining = this.#client.join(
        topic,
        this.#topology.everybody ? { watch: true } : { limit: MAX.near }
      )
      this.#places.set(key, { topic: fromKey(key), mesh: this.#create(key) })
      this.#joining.add(joining)
      await joining
        .finally(() => this.#joining.delete(joining))
        .catch(error => {
          this.#forget(key)
          throw error
        })
    } finally {
      this.#joining.delete(opening)
      this.#look()
    }
  }

  /** Leaves a topic. Connections that share no other one end. */
  async leave(topic: Uint8Array): Promise<void> {
    if (this.#forget(toKey(topic))) await this.#client.leave(topic)
  }

  /** Resolves when everybody who is known was tried, as far as more are wanted. */
  async flush(): Promise<void> {
    while (!this.#settled) await new Promise<void>(resolve => void this.#waiting.push(resolve))
  }

  /**
   * Sends to everybody in a topic, over the mesh; at most once to each. Gives to how many neighbours it went, and
   * waits while their channels are full. At most 16 KiB (TOO_LARGE). `topic`: needed where several were joined.
   */
  async broadcast(data: unknown, { topic }: { topic?: Uint8Array } = {}): Promise<number> {
    const [only, ...others] = this.#places.values()
    const place = topic ? this.#places.get(toKey(topic)) : others.length === 0 ? only : undefined
    if (!place)
      throw new SignalError('NOT_JOINED', topic || !only ? 'join the topic first' : 'say which topic')
    return this.#broadcaster.send(place.topic, data)
  }

  /** Ends a peer's connection and lets it in no more. `ms`: for how long. Default: ten minutes. */
  ban(id: Uint8Array, ms: number = MS.ban): void {
    const key = toKey(id)
    this.#bans.delete(key)
    this.#bans.set(key, this.#company.clock.now() + ms)
    for (const oldest of this.#bans.keys()) if (this.#bans.size > MAX.bans) this.#bans.delete(oldest)
    for (const peer of this.#peers.keys()) if (toKey(peer.id) === key) peer.destroy()
  }

  /** Lets a peer in again, before its time is over. 32 bytes. */
  unban(id: Uint8Array): void {
    this.#bans.delete(toKey(id))
    this.#wake()
  }

  /** Leaves every topic and ends every connection; the client stays. */
  async destroy(): Promise<void> {
    if (this.#destroyed) return
    const topics = this.topics
    for (const topic of topics) this.#forget(toKey(topic))
    this.#destroyed = true
    this.#company.part()
    for (const end of this.#ends) end()
    this.#company.clock.clearTimeout(this.#timer)
    const peers = [...this.#peers.keys()]
    for (const peer of peers) peer.destroy()
    this.#look()
    const { status, connected } = this.#client
    const closes = status === 'closing' || status === 'closed'
    const left = closes ? [] : topics.map(topic => this.#client.leave(topic).catch(() => {}))
    // Without a server it is said when there is one again.
    if (connected) await Promise.all(left)
    await Promise.all(peers.map(peer => peer.waitForClose()))
  }

  #wake(): void {
    for (const { mesh } of this.#places.values()) mesh.wake()
  }

  #mesh(topic: Uint8Array): Mesh | undefined {
    return this.#places.get(toKey(topic))?.mesh
  }

  #sharing(topic: string): Neighbour[] {
    return [...this.#neighbours.values()].filter(({ shared }) => shared.has(topic))
  }

  #create(key: string): Mesh {
    const { clock, random } = this.#company
    const { maxPeers, parallel } = this.#options
    const topic = fromKey(key)
    return new Mesh(
      {
        self: toKey(this.#client.id),
        clock,
        random,
        dial: (id, plea) => this.#dial(key, id, plea),
        hangUp: id => this.#hangUp(key, id),
        reaches: id => this.#reaches(key, id),
        ask: (id, root) => {
          const swarm = { root: toHex(fromKey(root.id)) }
          this.#try(() => this.#client.remoteConnect(topic, fromKey(id), { metadata: { [NAME]: swarm } }))
        },
        sample: () => void this.#client.lookup(topic, { limit: MAX.near }).catch(() => {}),
        onturn: () => this.#look(),
        onerror: error => this.emit('error', error)
      },
      { topology: this.#topology, maxPeers, parallel },
      id => this.#isBanned(id)
    )
  }

  /** A connection that is there takes a topic more; else the server is asked, or peers. */
  #reaches(topic: string, id: string): boolean {
    if (this.#client.connected || this.#neighbours.has(id)) return true
    return this.#options.carry && this.#carrier.reaches(fromKey(topic), fromKey(id))
  }

  #isBanned(id: string): boolean {
    const until = this.#bans.get(id)
    if (until === undefined) return false
    if (until > this.#company.clock.now()) return true
    this.#bans.delete(id)
    return false
  }

  #found(topic: Uint8Array, peers: unknown): void {
    const mesh = this.#mesh(topic)
    // A custom server may answer something else.
    if (mesh && Array.isArray(peers))
      for (const id of peers) if (id instanceof Uint8Array) mesh.found(toKey(id))
  }

  /** Connects, or where there is a connection makes it one of this topic as well. */
  #dial(topic: string, id: string, plea: Plea): void {
    const neighbour = this.#neighbours.get(id)
    if (neighbour) {
      if (!neighbour.say({ kind: 'add', topic, needy: plea.needy === true }))
        this.#places.get(topic)?.mesh.failed(id, 'failed')
      return
    }
    const options = { dedupe: true, metadata: { [NAME]: plea } }
    const peer = this.#try(() => this.#client.connect(fromKey(topic), fromKey(id), options))
    // Another connection of the app with this peer is none of a swarm.
    if (!peer || !this.#peers.has(peer)) this.#places.get(topic)?.mesh.failed(id, 'failed')
  }

  /** A client that is closed throws. */
  #try(connect: () => Peer): Peer | undefined {
    try {
      const peer = connect()
      peer.ready().catch(() => {})
      return peer
    } catch (error) {
      const { status } = this.#client
      if (status !== 'closing' && status !== 'closed') throw error
      queueMicrotask(() => void this.destroy())
      return undefined
    }
  }

  #hangUp(topic: string, id: string): void {
    const neighbour = this.#neighbours.get(id)
    if (neighbour?.shared.has(topic)) return this.#unshare(neighbour, topic, true)
    for (const peer of this.#peers.keys())
      if (!peer.connected && toKey(peer.id) === id && toKey(peer.topic) === topic) peer.destroy()
  }

  /** A peer is on its way: of this swarm if either side says so. */
  #attach(peer: Peer): void {
    const said = peer.metadata[NAME] ?? peer.remoteMetadata[NAME]
    if (said === undefined || !this.#places.has(toKey(peer.topic))) return
    this.#peers.set(peer, undefined)
    peer.on('rtc', rtc => {
      this.#peers.set(peer, new Channel(rtc, bytes => this.#hear(peer, bytes)))
      if (peer.initiator && !this.#client.connected) this.#hurry(peer)
    })
    peer.on('connect', () => this.#connected(peer))
    peer.on('close', () => this.#closed(peer))
  }

  /** With the server down, who was named may be dead: a dial to it must not take the place of another for long. */
  #hurry(peer: Peer): void {
    const { clock } = this.#company
    const late = () => {
      if (peer.remoteMetadata[NAME] === undefined && !this.#client.connected) peer.destroy()
    }
    const timer = clock.setTimeout(late, MS.answer)
    peer.on('close', () => clock.clearTimeout(timer))
  }

  #connected(peer: Peer): void {
    const [id, topic] = [toKey(peer.id), toKey(peer.topic)]
    const channel = this.#peers.get(peer)
    const place = this.#places.get(topic)
    if (!channel || !place || peer.remoteMetadata[NAME] === undefined || this.#isBanned(id))
      return peer.destroy()
    const before = this.#neighbours.get(id)
    const neighbour = new Neighbour(peer, channel, this.#company.clock)
    if (before) {
      // Both dialed, in two topics: both sides keep the same one. Else the older one is stale: its other end has started anew.
      const both = neighbour.since - before.since < MS.proven && before.peer.topic !== peer.topic
      const older = toKey(before.peer.sessionId) < toKey(peer.sessionId)
      if (both && older && toKey(before.peer.topic) !== topic) return peer.destroy()
      this.#end(before)
      before.peer.destroy()
    }
    this.#neighbours.set(id, neighbour)
    neighbour.shared.set(topic, place.topic)
    place.mesh.linked(id)
    this.#follow(place.topic, id, true)
    this.emit('connection', connectionOf(neighbour))
    this.#tell(neighbour, topic)
    // Elsewhere it may be known as well: what was dialed there in vain is tried on this connection.
    this.#wake()
  }

  #closed(peer: Peer): void {
    const [id, topic] = [toKey(peer.id), toKey(peer.topic)]
    this.#peers.delete(peer)
    const neighbour = this.#neighbours.get(id)
    if (neighbour?.peer === peer) return this.#end(neighbour)
    const mesh = this.#places.get(topic)?.mesh
    // Another one of the same peer may be on its way, or open.
    for (const other of this.#peers.keys()) if (toKey(other.id) === id && toKey(other.topic) === topic) return
    if (neighbour?.shared.has(topic)) return
    mesh?.missed(id)
    mesh?.failed(id, failureOf(peer.error))
  }

  /** A connection is over, in all of its topics. */
  #end(neighbour: Neighbour): void {
    const { key, channel, shared, heardAt } = neighbour
    const silent = this.#company.clock.now() - heardAt > MS.silence
    if (this.#neighbours.get(key) === neighbour) this.#neighbours.delete(key)
    this.#company.clock.clearTimeout(neighbour.probe)
    channel.end()
    for (const topic of shared.keys()) {
      this.#places.get(topic)?.mesh.unlinked(key, silent)
      this.#follow(fromKey(topic), key, false)
    }
    this.emit('disconnection', infoOf(neighbour))
  }

  /** Where the topic is not watched, its single peers are: the server knows first when one is gone. */
  #follow(topic: Uint8Array, id: string, on: boolean): void {
    const { status } = this.#client
    if (this.#topology.everybody || status === 'closing' || status === 'closed') return
    const asked = on ? this.#client.watch(topic, fromKey(id)) : this.#client.unwatch(topic, fromKey(id))
    asked.catch(() => {})
  }

  /** The server says that somebody is gone, which may be the server's own trouble: one sign of life and it stays. */
  #doubt(id: string): void {
    const neighbour = this.#neighbours.get(id)
    if (!neighbour || neighbour.probe !== undefined) return
    const { clock } = this.#company
    const asked = clock.now()
    neighbour.say({ kind: 'ping' })
    neighbour.probe = clock.setTimeout(() => {
      neighbour.probe = undefined
      if (neighbour.heardAt < asked) neighbour.peer.destroy()
    }, MS.probe)
  }

  #beatLater(): void {
    const { clock, random } = this.#company
    this.#timer = clock.setTimeout(() => this.#beat(), MS.beat * (0.8 + 0.4 * random()))
  }

  #beat(): void {
    const { clock } = this.#company
    if (this.#client.status === 'closed') return void this.destroy()
    for (const { mesh } of this.#places.values()) mesh.beat()
    for (const neighbour of [...this.#neighbours.values()]) {
      if (clock.now() - neighbour.heardAt > MS.silence) this.#doubt(neighbour.key)
      for (const topic of neighbour.shared.keys()) this.#tell(neighbour, topic)
    }
    this.#beatLater()
  }

  #tell(neighbour: Neighbour, topic: string): void {
    const mesh = this.#places.get(topic)?.mesh
    if (mesh) neighbour.say({ kind: 'beat', topic, ...mesh.tell() })
  }

  #hear(peer: Peer, bytes: Uint8Array): void {
    const neighbour = this.#neighbours.get(toKey(peer.id))
    // Of a connection that is not open yet, or was replaced.
    if (neighbour?.peer !== peer || !neighbour.maySay()) return
    neighbour.heardAt = this.#company.clock.now()
    try {
      if (bytes.length > MAX.message) throw new SignalError('BAD_FRAME', 'too large')
      this.#take(neighbour, decodeWord(bytes))
    } catch (error) {
      this.#blame(neighbour, error)
    }
  }

  #take(neighbour: Neighbour, word: Word): void {
    switch (word.kind) {
      case 'ping':
        return void neighbour.say({ kind: 'pong' })
      case 'pong':
        return
      case 'beat':
        return this.#places.get(word.topic)?.mesh.heard(neighbour.key, word, !this.#client.connected)
      case 'add':
        return this.#onAdd(neighbour, word.topic, word.needy)
      case 'drop':
        return this.#onDrop(neighbour, word.topic)
      case 'broadcast':
        this.#broadcaster.receive(neighbour, word.hops, word.frame).catch(error => {
          // Who checks no signatures takes none; that is no fault of the neighbour.
          if (error?.code !== 'UNPROVEN_ID') this.#blame(neighbour, error)
        })
        return
      case 'carry':
        if (!this.#options.carry) return
        if (!this.#carrier.receive(neighbour, word))
          throw new SignalError('BAD_FRAME', 'a path that is forged')
    }
  }

  #blame({ id }: Neighbour, thrown: unknown): void {
    if (this.#isBanned(toKey(id))) return // Of what came before it was.
    const error = thrown instanceof SignalError ? thrown : new SignalError('INTERNAL', String(thrown))
    this.ban(id)
    this.emit('banned', { id, error })
  }

  #onAdd(neighbour: Neighbour, topic: string, needy: boolean): void {
    const mesh = this.#places.get(topic)?.mesh
    if (neighbour.shared.has(topic)) return
    const asked = mesh?.dialing.includes(neighbour.key)
    if (!mesh || !(asked || mesh.admit(neighbour.key, { needy })))
      return void neighbour.say({ kind: 'drop', topic })
    neighbour.shared.set(topic, fromKey(topic))
    mesh.linked(neighbour.key)
    this.#follow(fromKey(topic), neighbour.key, true)
    if (!asked) neighbour.say({ kind: 'add', topic, needy: false })
    this.#tell(neighbour, topic)
    this.emit('topics', infoOf(neighbour))
  }

  #onDrop(neighbour: Neighbour, topic: string): void {
    if (neighbour.shared.has(topic)) this.#unshare(neighbour, topic, false)
    else this.#places.get(topic)?.mesh.failed(neighbour.key, 'crowded')
  }

  #unshare(neighbour: Neighbour, topic: string, tell: boolean): void {
    neighbour.shared.delete(topic)
    this.#places.get(topic)?.mesh.unlinked(neighbour.key)
    this.#follow(fromKey(topic), neighbour.key, false)
    if (neighbour.shared.size === 0) return neighbour.peer.destroy()
    if (tell) neighbour.say({ kind: 'drop', topic })
    this.emit('topics', infoOf(neighbour))
  }

  #forget(key: string): boolean {
    const place = this.#places.get(key)
    if (!place) return false
    this.#places.delete(key)
    place.mesh.close()
    for (const neighbour of this.#sharing(key)) this.#unshare(neighbour, key, true)
    for (const peer of [...this.#peers.keys()])
      if (!peer.connected && toKey(peer.topic) === key) peer.destroy()
    this.#look()
    return true
  }

  #onOffer({ id: bytes, topic, metadata }: OfferData): OfferResult | undefined {
    const plea = metadata[NAME]
    const mesh = this.#mesh(topic)
    if (!mesh || !isObject(plea)) return undefined
    const id = toKey(bytes)
    if (this.#isBanned(id)) throw new SignalError('FORBIDDEN', 'banned')
    this.#yield(id, toKey(topic))
    const { needy, bridge } = plea
    if (!mesh.admit(id, { needy: needy === true, bridge: bridge === true }))
      throw new SignalError('LIMIT_SESSIONS', 'no place in this swarm', { retryable: true })
    return { metadata: { [NAME]: {} } }
  }

  /** Two that dial each other in two topics: the dial of the smaller id stands, as core has it in one topic. */
  #yield(id: string, topic: string): void {
    for (const peer of [...this.#peers.keys()]) {
      if (peer.connected || !peer.initiator || toKey(peer.id) !== id || toKey(peer.topic) === topic) continue
      if (toKey(this.#client.id) < id)
        throw new SignalError('GLARE_LOST', 'another offer stands', { retryable: true })
      peer.destroy()
    }
  }

  /** Somebody asks to be dialed if this is another part of the mesh than its own. */
  #onWish({ id: bytes, topic, metadata }: OfferData): OfferResult | undefined {
    const wish = metadata[NAME]
    const mesh = this.#mesh(topic)
    if (!mesh || !isObject(wish)) return undefined
    const id = toKey(bytes)
    if (this.#isBanned(id)) throw new SignalError('FORBIDDEN', 'banned')
    if (wish.root === toHex(fromKey(mesh.root.id)) || this.#neighbours.has(id))
      throw new SignalError('REJECTED', 'of the same mesh', { retryable: true })
    if (!mesh.admit(id, { bridge: true }))
      throw new SignalError('LIMIT_SESSIONS', 'no place in this swarm', { retryable: true })
    return { metadata: { [NAME]: { bridge: true } } }
  }

  get #settled(): boolean {
    if (this.#destroyed) return true
    return this.#joining.size === 0 && [...this.#places.values()].every(({ mesh }) => mesh.settled)
  }

  #look(): void {
    if (!this.#settled) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

function infoOf(neighbour: Neighbour): ConnectionInfo {
  const { id, peer } = neighbour
  return {
    id,
    peer,
    get topics() {
      return neighbour.topics
    }
  }
}

function connectionOf(neighbour: Neighbour): Connection {
  return { stream: neighbour.stream, info: infoOf(neighbour) }
}

function failureOf(error: Error | null): Failure {
  const { code } = (error ?? {}) as { code?: string }
  if (code === 'LIMIT_SESSIONS' || code === 'GLARE_LOST') return 'crowded'
  return code === 'PEER_NOT_FOUND' ? 'gone' : 'failed'
}

function closed(): SignalError {
  return new SignalError('CLOSED', 'the swarm is destroyed', { retryable: false })
}
