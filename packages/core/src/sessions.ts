import pLimit, { type LimitFunction } from 'p-limit'
import { compare, copy, equals, toKey } from './bytes.ts'
import { SignalError, toSignalError } from './errors.ts'
import type { Addressed } from './frame.ts'
import type { Crypto } from './identity.ts'
import type { Metadata, Peer } from './peer.ts'
import {
  type OfferData,
  type OfferResult,
  Session,
  type SessionContext,
  type SessionOptions
} from './session.ts'

export interface Concurrency {
  incoming: number
  outgoing: number
}

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

/** What the collection of sessions needs of its client, beyond what each session does. */
export interface SessionsContext extends SessionContext {
  readonly crypto: Crypto
  id(): Uint8Array
  onRemoteConnect(data: OfferData): unknown
  emit(event: 'peer-queue' | 'peer-connecting' | 'peer-connected', peer: Peer): void
  emitError(error: Error, peer: Peer): void
}

/** What remotes ask for that may wait for its turn. */
const MAX_WAITING = 64
/** Sessions of all kinds, from which on nobody new is let in. */
const MAX_SESSIONS = 1024
/** Ended sessions whose offers are known again when they are played back. */
const MAX_ENDED = 1024

/** All sessions of a client: who dials and who is let in, in which order, and which of two that cross survives. */
export class Sessions {
  readonly #context: SessionsContext
  readonly #sessions = new Map<string, Session>()
  readonly #ended = new Map<string, Session>()
  readonly #incoming: LimitFunction
  readonly #outgoing: LimitFunction
  /** Sessions that lost to one of the same remote that has yet to come. */
  readonly #yielded = new Set<Session>()

  constructor(context: SessionsContext, concurrency: Concurrency) {
    this.#context = context
    this.#incoming = pLimit(concurrency.incoming)
    this.#outgoing = pLimit(concurrency.outgoing)
  }

  get concurrency(): Concurrency {
    return { incoming: this.#incoming.concurrency, outgoing: this.#outgoing.concurrency }
  }

  set concurrency({ incoming, outgoing }: Concurrency) {
    this.#incoming.concurrency = incoming
    this.#outgoing.concurrency = outgoing
  }

  get peers(): Peer[] {
    const peers: Peer[] = []
    for (const { peer } of this.#sessions.values()) if (peer && !peer.destroyed) peers.push(peer)
    return peers
  }

  connect(topic: Uint8Array, peerId: Uint8Array, options: ConnectOptions): Peer {
    const { dedupe = false, signal } = options
    const there = dedupe && this.#between(topic, peerId).find(({ peer }) => peer && !peer.destroyed)?.peer
    if (there) return there
    const session = this.#create(topic, peerId, { initiator: true, dedupe })
    return this.#run(session, options, signal, () => session.dial(dedupe ? { dedupe } : {}))
  }

  remoteConnect(topic: Uint8Array, peerId: Uint8Array, options: ConnectOptions): Peer {
    const session = this.#create(topic, peerId, { initiator: false })
    return this.#run(session, options, options.signal, () => session.invite())
  }

  /** Takes an offer, a wish for one, a candidate or a cancel that came for us. */
  receive(frame: Addressed): void {
    const session = this.#sessions.get(frame.addressAndSession)
    if (frame.kind === 'signal') {
      if (session) session.receive(frame)
      else
        this.#context.dropped(
          new SignalError('PEER_NOT_FOUND', 'a signal of no session'),
          copy(frame.address)
        )
    } else if (frame.kind === 'cancel') void session?.cancelled(frame)
    else if (frame.kind === 'offer' && session?.expectsOffer) void this.#accept(session, frame)
    else if (this.#repeated(frame, session)) return
    else if (this.#sessions.size >= MAX_SESSIONS) {
      const error = new SignalError('LIMIT_SESSIONS', `${MAX_SESSIONS} sessions are here already`)
      this.#context.dropped(error, copy(frame.address))
    } else if (frame.kind === 'offer') void this.#accept(this.#admit(frame, false), frame)
    else if (frame.kind === 'remoteConnect') void this.#invited(this.#admit(frame, true), frame)
  }

  async close(): Promise<void> {
    this.#incoming.clearQueue()
    this.#outgoing.clearQueue()
    const sessions = [...this.#sessions.values()]
    for (const session of sessions) {
      if (session.peer?.connected) session.peer.destroy()
      else session.fail(new SignalError('CLOSED', 'the client is closing'))
    }
    await Promise.all(sessions.map(session => session.peer?.waitForClose()))
    this.#sessions.clear()
    this.#ended.clear()
  }

  #create(topic: Uint8Array, remoteId: Uint8Array, role: { initiator: boolean; dedupe?: boolean }): Session {
    const sessionId = copy(this.#context.crypto.randomBytes(32))
    return this.#add({ ...role, topic: copy(topic), remoteId: copy(remoteId), sessionId, ours: true })
  }

  /** An entry for what a remote begins. It exists from the first frame on, so that candidates find it. */
  #admit(frame: Addressed, initiator: boolean): Session {
    const [topic, remoteId, sessionId] = [copy(frame.topic), copy(frame.address), copy(frame.session)]
    return this.#add({ initiator, topic, remoteId, sessionId, ours: false })
  }

  #add(options: SessionOptions): Session {
    const session = new Session(this.#context, options)
    this.#sessions.set(keyOf(session), session)
    return session
  }

  #run(
    session: Session,
    options: ConnectOptions,
    signal: AbortSignal | undefined,
    work: () => Promise<void>
  ): Peer {
    const peer = session.createPeer(options.metadata ?? {}, options.simplePeer)
    this.#follow(session, peer)
    const abort = () => session.fail(asError(signal?.reason))
    if (signal?.aborted) queueMicrotask(abort)
    signal?.addEventListener('abort', abort, { once: true })
    peer.on('close', () => signal?.removeEventListener('abort', abort))
    this.#enqueue(this.#outgoing, session, peer, work)
    return peer
  }

  /** Runs the work when its turn comes; what it throws ends the session. */
  #enqueue(queue: LimitFunction, session: Session, peer: Peer, work: () => Promise<void>): void {
    this.#context.emit('peer-queue', peer)
    queue(async () => {
      if (peer.destroyed) return
      this.#context.emit('peer-connecting', peer)
      await work()
    }).catch(error => this.#failed(session, error))
  }

  #failed(session: Session, error: unknown): void {
    // The other side won: its own offer is on its way, or here already.
    if ((error as SignalError)?.code === 'GLARE_LOST' && session.peer && !session.peer.destroyed)
      this.#yielded.add(session)
    else session.fail(asError(error))
  }

  #follow(session: Session, peer: Peer): void {
    peer.on('connect', () => this.#context.emit('peer-connected', peer))
    peer.on('error', error => this.#context.emitError(error, peer))
    peer.on('close', () => this.#end(session))
  }

  #end(session: Session): void {
    const key = keyOf(session)
    this.#yielded.delete(session)
    if (this.#sessions.get(key) !== session) return
    this.#sessions.delete(key)
    this.#ended.set(key, session)
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= MAX_ENDED) return
      this.#ended.delete(oldest)
    }
  }

  /** Deals with a session that was seen before: the same offer gets the same answer, any other is refused. */
  #repeated(frame: Addressed, live: Session | undefined): boolean {
    const session = live ?? this.#ended.get(frame.addressAndSession)
    if (session && !session.repeat(frame)) {
      const error = new SignalError('BAD_SIGNATURE', 'this session belongs to another offer')
      this.#context.dropped(error, session.options.remoteId)
    }
    return session !== undefined
  }

  async #accept(session: Session, frame: Addressed): Promise<void> {
    const { requestId } = frame
    let dedupe = false
    try {
      if (this.#incoming.pendingCount >= MAX_WAITING)
        throw new SignalError('LIMIT_SESSIONS', 'too many offers wait here')
      const body = await session.open(frame)
      dedupe = body.dedupe === true
      this.#assertStands(session, dedupe)
      const work = () => session.accept(body, requestId, peer => this.#welcome(session, peer, dedupe))
      // What we asked for has its place already, among the outgoing ones.
      await (session.options.ours ? work() : this.#incoming(work))
    } catch (error) {
      // A dial that lost to this offer has nothing left to wait for.
      for (const rival of this.#rivals(session, dedupe))
        if (this.#yielded.has(rival)) rival.fail(asError(error))
      await this.#refuse(session, error, requestId)
    }
  }

  #welcome(session: Session, peer: Peer, dedupe: boolean): void {
    // Once more: we may have begun to dial while the gate was asked.
    this.#assertStands(session, dedupe)
    if (!session.options.ours) {
      this.#follow(session, peer)
      this.#context.emit('peer-queue', peer)
      this.#context.emit('peer-connecting', peer)
    }
    for (const rival of this.#rivals(session, dedupe)) {
      if (rival.peer?.connected) peer.on('connect', () => rival.peer?.destroy())
      else rival.supersede(peer.ready())
    }
  }

  async #invited(session: Session, frame: Addressed): Promise<void> {
    const { requestId } = frame
    const { remoteId: id, topic, sessionId } = session.options
    try {
      if (this.#outgoing.pendingCount >= MAX_WAITING)
        throw new SignalError('LIMIT_SESSIONS', 'too many dials wait here')
      const body = await session.open(frame)
      const metadata = (body.metadata ?? {}) as Metadata
      const result = await this.#context.onRemoteConnect({ id, topic, sessionId, metadata, data: [] })
      const { metadata: own = {}, simplePeer } = (result ?? {}) as OfferResult
      const peer = session.createPeer(own, simplePeer)
      this.#follow(session, peer)
      session.tell(metadata)
      await session.agree(requestId)
      this.#enqueue(this.#outgoing, session, peer, () => session.dial())
    } catch (error) {
      await this.#refuse(session, error, requestId)
    }
  }

  async #refuse(session: Session, thrown: unknown, requestId: number): Promise<void> {
    const error = toSignalError(thrown, 'REJECTED')
    if (!session.answered) await session.refuse(error, requestId).catch(() => {})
    session.fail(error)
    this.#end(session)
  }

  /**
   * Two that dial each other end with one connection, if one of them says `dedupe`: the offer of the smaller id
   * stands. Throws GLARE_LOST when that is ours.
   */
  #assertStands(session: Session, dedupe: boolean): void {
    const dials = this.#rivals(session, dedupe).filter(
      rival => this.#isDialing(rival) && !this.#yielded.has(rival)
    )
    if (dials.length === 0 || compare(this.#context.id(), session.options.remoteId) > 0) return
    throw new SignalError('GLARE_LOST', 'the offer of the other side stands')
  }

  /**
   * Sessions that a remote's offer replaces. A remote that dials with `dedupe` has no live connection with us, so
   * ours is stale; it ends once the new one is open, not before, lest an old offer that is played back ends it.
   */
  #rivals(session: Session, dedupe: boolean): Session[] {
    const { topic, remoteId, ours } = session.options
    if (ours) return []
    const others = this.#between(topic, remoteId).filter(other => other !== session)
    if (dedupe) return others
    const dials = others.filter(other => this.#isDialing(other))
    return dials.some(({ options }) => options.dedupe) ? dials : []
  }

  #isDialing({ peer, options }: Session): boolean {
    return options.ours && peer !== undefined && !peer.connected && !peer.destroyed
  }

  #between(topic: Uint8Array, remoteId: Uint8Array): Session[] {
    return [...this.#sessions.values()].filter(
      ({ options }) => equals(options.remoteId, remoteId) && equals(options.topic, topic)
    )
  }
}

function keyOf({ options }: Session): string {
  return toKey(options.remoteId) + toKey(options.sessionId)
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new SignalError('CLOSED', String(reason))
}
