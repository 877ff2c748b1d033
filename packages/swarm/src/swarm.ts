import {
  type Companion,
  type Company,
  Emitter,
  SignalError,
  type SocketSignalClient,
  toKey,
  type Unsubscribe
} from 'socket-signal'
import { Detour } from 'socket-signal/detour'
import { assertBytes, asyncDispose, fromKey } from 'socket-signal/wire'
import { Bans } from './bans.ts'
import { MAX, MS } from './bounds.ts'
import { Broadcaster } from './broadcast.ts'
import { Carrier } from './carrier.ts'
import { Dialer } from './dialer.ts'
import { Gate } from './gate.ts'
import { type Host, isOver, type SwarmEvents } from './host.ts'
import { Mesh } from './mesh.ts'
import type { Connection, Neighbour } from './neighbour.ts'
import { Neighbours } from './neighbours.ts'
import { listen } from './news.ts'
import { Places } from './places.ts'
import { complete, type SwarmOptions, type SwarmStats } from './swarm-options.ts'
import type { Word } from './wire.ts'

/** Joins topics and is connected with the right peers of them: dials, lets in, heals, hands on. */
export class Swarm extends Emitter<SwarmEvents> {
  readonly #client: SocketSignalClient
  readonly #options: Required<SwarmOptions>
  readonly #company: Company
  readonly #places: Places
  readonly #bans: Bans
  readonly #neighbours: Neighbours
  readonly #dialer: Dialer
  readonly #broadcaster: Broadcaster
  readonly #carrier: Carrier
  readonly #ends: Unsubscribe[]
  #timer: unknown
  #destroyed = false
  #ended = Promise.resolve()

  constructor(client: SocketSignalClient, options: SwarmOptions = {}) {
    super()
    this.#options = complete(options)
    const { topology, maxUnread, carry } = this.#options
    this.#client = client
    const companion: Companion = {
      _onOffer: data => gate.onOffer(data),
      _onRemoteConnect: data => gate.onWish(data),
      reaches: (topic, id) => carry && this.#carrier.reaches(topic, id),
      carry: frame => carry && this.#carrier.send(frame)
    }
    const company = client.accompany(companion, Detour)
    this.#company = company
    this.#bans = new Bans(company.clock)
    this.#places = new Places({
      client,
      everybody: topology.everybody,
      create: topic => this.#create(topic),
      onleave: topic => {
        for (const neighbour of neighbours.of(topic)) neighbours.part(neighbour, topic)
        dialer.giveUp(topic)
      }
    })
    const host: Host = {
      client,
      company,
      bans: this.#bans,
      carry,
      maxUnread,
      mesh: topic => this.#places.mesh(topic),
      wake: () => this.#wake(),
      emit: (event, ...args) => this.emit(event, ...args)
    }
    const neighbours = new Neighbours({
      ...host,
      follows: !topology.everybody,
      onword: (neighbour, word) => this.#take(neighbour, word),
      onblame: (neighbour, error) => this.#blame(neighbour, error)
    })
    const onend = () => void this.destroy()
    const dialer = new Dialer({ ...host, neighbours, onend })
    const gate = new Gate({ ...host, neighbours, dialer })
    this.#neighbours = neighbours
    this.#dialer = dialer
    this.#broadcaster = new Broadcaster({
      company,
      self: () => client.id,
      neighbours: topic => neighbours.of(topic),
      // Others may want to hear it, so it was handed on.
      onmessage: message => this.#bans.has(toKey(message.id)) || this.emit('message', message)
    })
    this.#carrier = new Carrier({
      company,
      self: () => toKey(client.id),
      neighbour: id => neighbours.get(id),
      via: (topic, id) => host.mesh(topic)?.via(id) ?? []
    })
    this.#ends = listen({
      ...host,
      neighbours,
      dialer,
      onend,
      onleave: topic => this.#places.forget(toKey(topic)) && this.emit('left', { topic })
    })
    this.#beatLater()
  }

  /** Those that are open. */
  get connections(): Connection[] {
    return this.#neighbours.all.map(({ connection }) => connection)
  }

  /** The topics that were joined: 32 bytes each. */
  get topics(): Uint8Array[] {
    return this.#places.topics
  }

  /** A copy: counts as they are now. */
  get stats(): SwarmStats {
    return {
      connections: this.#neighbours.size,
      dialing: this.#places.meshes.reduce((sum, mesh) => sum + mesh.dialing.length, 0),
      unheard: this.#neighbours.unheard,
      broadcasts: { ...this.#broadcaster.counts },
      carried: { ...this.#carrier.counts }
    }
  }

  /**
   * Joins a topic, and is connected with peers of it from then on. Resolves when the server has answered, called again
   * as well; see `flush`. Rejects as `client.join`, and then it has not joined.
   */
  async join(topic: Uint8Array): Promise<void> {
    assertBytes(topic, 'topic')
    return this.#places.join(topic)
  }

  /** Leaves a topic. Connections that share no other one end. */
  async leave(topic: Uint8Array): Promise<void> {
    assertBytes(topic, 'topic')
    return this.#places.leave(topic)
  }

  /** Resolves when everybody who is known was tried, as far as more are wanted. */
  async flush(): Promise<void> {
    return this.#places.flush()
  }

  /**
   * Sends to everybody in a topic, over the mesh; at most once to each. Gives to how many neighbours it went, and
   * waits while their channels are full, 5 s at most. At most 16 KiB (TOO_LARGE). `topic`: needed where several were
   * joined (NOT_JOINED).
   */
  async broadcast(data: unknown, { topic }: { topic?: Uint8Array } = {}): Promise<number> {
    if (topic) assertBytes(topic, 'topic')
    const [only, ...others] = this.topics
    if (!topic && others.length > 0) throw new SignalError('NOT_JOINED', 'say which topic')
    const key = toKey(topic ?? only ?? new Uint8Array())
    if (!this.#places.mesh(key)) throw new SignalError('NOT_JOINED', 'join the topic first')
    return this.#broadcaster.send(fromKey(key), data)
  }

  /** Ends a peer's connection, lets it in no more, and tells nothing that it broadcasts over others. `ms`: for how long. Default: ten minutes. */
  ban(id: Uint8Array, ms: number = MS.ban): void {
    assertBytes(id, 'id')
    this.#bans.add(toKey(id), ms)
    this.#dialer.end(toKey(id))
  }

  /** Lets a peer in again, before its time is over. 32 bytes. */
  unban(id: Uint8Array): void {
    assertBytes(id, 'id')
    this.#bans.delete(toKey(id))
    this.#wake()
  }

  /** Leaves every topic and ends every connection; the client stays. May be called again, and waits as the first call does. */
  async destroy(): Promise<void> {
    if (this.#destroyed) return this.#ended
    this.#destroyed = true
    const topics = this.#places.close()
    this.#company.part()
    for (const end of this.#ends) end()
    this.#company.clock.clearTimeout(this.#timer)
    const peers = this.#dialer.end()
    const { connected } = this.#client
    const left = topics.map(topic => this.#client.leave(topic).catch(() => {}))
    // Without a server it is said when there is one again.
    const ends = [...(connected ? left : []), ...peers.map(peer => peer.waitForClose())]
    this.#ended = Promise.all(ends).then(() => {})
    return this.#ended
  }

  /** As `destroy()`, for `await using`. */
  [asyncDispose](): Promise<void> {
    return this.destroy()
  }

  #create(key: string): Mesh {
    const { clock, random } = this.#company
    return new Mesh(
      {
        self: toKey(this.#client.id),
        clock,
        random,
        dial: (id, plea) => this.#dialer.dial(key, id, plea),
        hangUp: id => this.#hangUp(key, id),
        reaches: id => this.#reaches(key, id),
        ask: (id, root) => this.#dialer.ask(key, id, root),
        sample: () => void this.#client.lookup(fromKey(key), { limit: MAX.near }).catch(() => {}),
        onturn: () => this.#places.look(),
        onerror: error => this.emit('error', error)
      },
      this.#options,
      id => this.#bans.has(id)
    )
  }

  /** A connection that is there takes a topic more; else the server is asked, or peers. */
  #reaches(topic: string, id: string): boolean {
    if (this.#client.connected || this.#neighbours.get(id)) return true
    return this.#options.carry && this.#carrier.reaches(fromKey(topic), fromKey(id))
  }

  #hangUp(topic: string, id: string): void {
    const neighbour = this.#neighbours.get(id)
    if (neighbour?.shared.has(topic)) this.#neighbours.part(neighbour, topic)
    else this.#dialer.giveUp(topic, id)
  }

  /** What a neighbour says that goes beyond it. */
  #take(neighbour: Neighbour, word: Word): void {
    if (word.kind === 'late') this.#broadcaster.late(word.began)
    else if (word.kind === 'broadcast') {
      const { key } = neighbour
      const receive = async () => {
        if (!this.#bans.has(key)) await this.#broadcaster.receive(neighbour, word.hops, word.frame)
      }
      neighbour.inTurn(receive).catch(error => {
        // Who checks no signatures takes none; that is no fault of the neighbour.
        if (error?.code !== 'UNPROVEN_ID') this.#blame(neighbour, error)
      })
    } else if (word.kind === 'carry' && this.#options.carry && !this.#carrier.receive(neighbour, word))
      throw new SignalError('BAD_FRAME', 'a path that is forged')
  }

  #blame({ key, peer: { id } }: Neighbour, error: unknown): void {
    if (this.#bans.has(key)) return // Of what came before it was.
    // An app's own function, for instance `verify`, is no fault of a neighbour.
    if (!(error instanceof SignalError)) return this.emit('error', error)
    this.ban(id)
    this.emit('banned', { id, error })
  }

  #beatLater(): void {
    const { clock, random } = this.#company
    this.#timer = clock.setTimeout(() => this.#beat(), MS.beat * (0.8 + 0.4 * random()))
  }

  #beat(): void {
    if (isOver(this.#client)) return void this.destroy()
    for (const mesh of this.#places.meshes) mesh.beat()
    this.#neighbours.beat()
    this.#beatLater()
  }

  #wake(): void {
    for (const mesh of this.#places.meshes) mesh.wake()
  }
}
